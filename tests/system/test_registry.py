"""Published servers, on the real program: searched when asked for, and never run unseen."""

from __future__ import annotations

import json

import pytest

from tests.fakes.registry import fake_registry, listed, page
from tests.mcp_http import RawClient
from tests.program import Home, Json, program
from tests.unit.registry.test_registry_translate import WEATHER

pytestmark = pytest.mark.timeout(120)

NAME = "io.github.acme/weather"


async def _searched(client: RawClient) -> Json:
    call = {
        "name": "upstream_servers",
        "arguments": {"operation": "search_registry", "query": "weather"},
    }
    result: Json = (await client.ask("tools/call", call))["result"]
    return result


async def test_a_registry_is_searched_and_what_it_has_is_added_for_review(home: Home) -> None:
    """REST, command line and agents see the same answer of one request, after a restart too."""
    async with fake_registry() as registry:
        registry.pages = {"": page(listed(WEATHER))}
        home.configure({}, registry_url=registry.url)
        async with program(home) as running:
            found = (await running.get("/api/v1/registry?q=weather&limit=20"))["servers"]
            assert [way["kind"] for way in found[0]["ways"]] == ["npm", "streamable-http"]
            code, out, _ = await home.command("servers", "search", "weather")
            assert code == 0
            assert "runs  npx -y @acme/weather-mcp@1.4.2 --units metric" in out
            assert "needs the environment variable WEATHER_API_KEY (Key of your account)" in out
            assert len(registry.asked) == 1

            code, out, _ = await home.command("servers", "add", "sky", "--from-registry", NAME)
            assert code == 0
            assert "servers approve sky" in out
            written = json.loads(home.config_file.read_text())["mcpServers"]["sky"]
            assert (written["enabled"], written["quarantined"]) == (False, True)
            assert written["env"]["WEATHER_API_KEY"] == "${env:WEATHER_API_KEY}"
            review = await running.get("/api/v1/servers/sky/review")
            assert review["runs"][:3] == ["npx", "-y", "@acme/weather-mcp@1.4.2"]
            code, _, err = await home.command("servers", "add", "x", "--from-registry", "no/such")
            assert code == 1
            assert "no server named 'no/such'" in err
        asked = len(registry.asked)
        async with program(home) as running:
            assert (await running.get("/api/v1/registry?q=weather&limit=20"))["servers"] == found
            assert len(registry.asked) == asked
            client = RawClient(running.http, "/mcp")
            await client.open()
            result = await _searched(client)
            assert not result["isError"]
            (offer,) = json.loads(result["content"][0]["text"])["found"]
            add = {"operation": "add", **offer["add"][1]}
            assert add.pop("person_sets") == ["WEATHER_TOKEN: "]
            call = {"name": "upstream_servers", "arguments": add}
            assert not (await client.ask("tools/call", call))["result"]["isError"]
            world = await running.until(lambda world: "weather" in world["servers"])
            assert world["servers"]["weather"]["health"]["action"] == "approve"


async def test_no_registry_is_asked_unless_the_file_names_one(home: Home) -> None:
    """Everybody is told which setting it takes; agents see the operation once it is set."""
    home.configure({})
    async with program(home) as running:
        answer = await running.http.get("/api/v1/registry?q=x")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "registry_off"
        code, _, err = await home.command("servers", "search", "x")
        assert code == 1
        assert '"registry_url"' in err
        client = RawClient(running.http, "/mcp")
        await client.open()
        result = await _searched(client)
        assert result["isError"]
        assert '"registry_url"' in result["content"][0]["text"]
        assert "search_registry" not in json.dumps(await client.ask("tools/list"))
        async with fake_registry() as registry:
            registry.status = "500 Oops"
            home.configure({}, registry_url=registry.url)
            await running.until(lambda world: world["config_revision"] == 2)
            assert "search_registry" in json.dumps(await client.ask("tools/list"))
            answer = await running.http.get("/api/v1/registry?q=x")
            assert answer.status_code == 502
            assert "HTTP status 500" in answer.json()["error"]["message"]
            assert (await _searched(client))["isError"]
            assert (await running.http.get("/api/v1/registry?limit=0")).status_code == 400

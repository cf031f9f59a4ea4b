"""Whoever is connected hears when what the servers offer together changes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests.fakes import annotated_server
from tests.mcp_http import RawClient
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(180)

SCRIPT = str(Path(annotated_server.__file__))
PATHS = ("/mcp", "/mcp/call", "/mcp/all", "/mcp/p/work")
LIMIT = 60.0


def entry(name: str, **more: Any) -> Json:
    return {"command": sys.executable, "args": ["-I", "-S", SCRIPT, name], **more}


def configure(home: Home, servers: dict[str, Json], **settings: Any) -> None:
    profiles = [{"name": "work", "servers": ["alpha", "beta"]}, {"name": "none", "servers": []}]
    home.configure(servers, **{"quarantine_enabled": False, "profiles": profiles, **settings})


class Ears:
    """What one client of the official SDK has heard."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.all: list[str] = []

    async def __call__(self, message: Any) -> None:
        method = getattr(getattr(message, "root", message), "method", "")
        self.heard.put_nowait(method)
        self.all.append(method)

    async def hear(self, *methods: str) -> None:
        """Wait until each of the methods has been heard."""
        missing = set(methods)
        async with asyncio.timeout(LIMIT):
            while missing:
                missing.discard(await self.heard.get())


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[tuple[Client, Ears]]:
    ears = Ears()
    async with Client(url, mode="legacy", message_handler=ears) as client:
        yield client, ears


ALL = tuple(f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources"))


@pytest.mark.parametrize("path", PATHS)
async def test_clients_hear_of_servers_that_come_change_and_go(home: Home, path: str) -> None:
    """A server appears, gets a tool, and is switched off: each is told, and then listed."""
    alpha, beta = {"alpha": entry("alpha")}, {"beta": entry("beta")}
    configure(home, alpha)
    async with program(home) as running:
        await running.ready("alpha")
        async with listening(f"{running.base}{path}") as (client, ears):
            assert await names(client) == {"alpha__greet"}
            configure(home, alpha | beta)
            await ears.hear(*ALL)
            assert await names(client) == {"alpha__greet", "beta__greet"}
            agent = RawClient(running.http, "/mcp/s/beta")
            await agent.open()
            await agent.call("grow", {})
            await ears.hear(ALL[0])
            if path == "/mcp/all":
                tools = {tool.name for tool in (await client.list_tools()).tools}
                assert any(name.startswith("beta__grown") for name in tools)
            await running.post("/api/v1/servers/beta/disable")
            await ears.hear(*ALL)
            assert await names(client) == {"alpha__greet"}


async def names(client: Client) -> set[str]:
    return {prompt.name for prompt in (await client.list_prompts()).prompts}


async def test_only_what_changed_is_told(home: Home) -> None:
    """A tool that a person switches off changes the tools only, of its scope only."""
    servers = {"alpha": entry("alpha"), "beta": entry("beta")}
    configure(home, servers)
    async with program(home) as running:
        await running.ready("alpha", "beta")
        async with (
            listening(f"{running.base}/mcp/all") as (everything, ears),
            listening(f"{running.base}/mcp/p/none") as (_, deaf),
        ):
            configure(home, {**servers, "beta": entry("beta", disabled_tools=["wipe"])})
            await ears.hear(ALL[0])
            assert "beta__wipe" not in {each.name for each in (await everything.list_tools()).tools}
            configure(home, servers, routing_mode="direct")
            for each in (ears, deaf):  # the mode is everybody's: other tools are listed
                await each.hear(ALL[0])
            assert set(ears.all) == {ALL[0]}
            assert deaf.all == [ALL[0]]


async def test_the_mode_changes_while_clients_are_there(home: Home) -> None:
    """When the file says direct, /mcp lists every tool, and its clients are told."""
    configure(home, {"alpha": entry("alpha")})
    async with program(home) as running:
        await running.ready("alpha")
        async with listening(running.endpoint) as (client, ears):
            assert "call_tool" in {tool.name for tool in (await client.list_tools()).tools}
            configure(home, {"alpha": entry("alpha")}, routing_mode="direct")
            await ears.hear(ALL[0])
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {f"alpha__{name}" for name in annotated_server.TOOLS}
            result = await client.call_tool("alpha__look_up", {"word": "x"})
            assert not result.is_error


async def test_a_resource_is_followed_by_the_name_that_clients_know(home: Home) -> None:
    """Updates of a resource reach whoever subscribed, under the URI it was listed by."""
    configure(home, {"alpha": entry("alpha"), "beta": entry("beta")})
    async with program(home) as running:
        await running.ready("alpha", "beta")
        agent = RawClient(running.http, "/mcp")
        await agent.open()
        uri = "mcpproxy://s/beta/test://shared"
        async with running.http.stream("GET", "/mcp", headers=agent.headers) as stream:
            await agent.ask("resources/subscribe", {"uri": uri})
            async with asyncio.timeout(LIMIT):
                async for line in stream.aiter_lines():
                    if "resources/updated" in line:
                        break
        assert f'"uri":"{uri}"' in line


async def test_a_profile_taken_out_of_the_file_is_gone(home: Home) -> None:
    """Its sessions end, and its path answers 404."""
    configure(home, {"alpha": entry("alpha")})
    async with program(home) as running:
        await running.ready("alpha")
        agent = RawClient(running.http, "/mcp/p/work")
        await agent.open()
        configure(home, {"alpha": entry("alpha")}, profiles=[])
        await until_gone(running, agent)


async def until_gone(running: RunningProgram, agent: RawClient) -> None:
    """Wait for the world in which the changed file counts, and look there."""
    async with asyncio.timeout(LIMIT):
        await running.until(lambda world: world["config_revision"] == 2)
    assert (await agent.post(agent.request("ping"))).status_code == 404

"""Everything a person can get wrong is answered with the thing, the cause and the fix."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient
from tests.program import KEY, Home, Json, program

pytestmark = pytest.mark.timeout(180)

COMMAND, *ARGS = faultsrv.command("ok")
GOOD = {"command": COMMAND, "args": ARGS}


async def failed_start(home: Home, *flags: str) -> tuple[int, str]:
    code, _, err = await home.command("serve", *flags)
    assert "Traceback" not in err
    return code, err


async def test_invalid_json_is_shown_with_its_line_and_exits_4(home: Home) -> None:
    """A config file that is no JSON: the file, the line and what was expected there."""
    home.write('{\n  "mcpServers": {\n    "a": {"command": "x"\n  }\n')
    code, err = await failed_start(home)
    assert code == 4
    assert str(home.config_file) in err
    assert "line" in err
    assert "expected" in err


async def test_every_mistake_of_the_file_is_shown_at_once(home: Home) -> None:
    """Duplicate names, a wrong type, a missing command and a bad address: all with their paths."""
    home.write(
        json.dumps(
            {
                "listen": "here",
                "mcpServers": [
                    {"name": "twin", "command": "x"},
                    {"name": "twin", "command": "x"},
                    {"name": "typed", "command": "x", "args": "-y"},
                    {"name": "empty"},
                ],
            }
        )
    )
    code, err = await failed_start(home)
    assert code == 4
    for part in ("listen", "mcpServers[1].name", "twin", "mcpServers[2].args", "mcpServers[3]"):
        assert part in err


async def test_a_port_in_use_names_the_port_and_its_holder_and_exits_2(home: Home) -> None:
    """Somebody else has the port: which one, who, and what to do instead."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.configure({}, listen=f"127.0.0.1:{port}")
        code, err = await failed_start(home)
    assert code == 2
    assert str(port) in err
    assert "--listen" in err


async def test_listening_beyond_this_machine_needs_the_key_and_exits_4(home: Home) -> None:
    """A non-loopback address without require_mcp_auth is refused before anything listens."""
    home.configure({}, listen="0.0.0.0:0")
    code, err = await failed_start(home)
    assert code == 4
    assert "require_mcp_auth" in err


async def test_a_data_directory_that_is_not_ours_exits_5(home: Home, tmp_path: Path) -> None:
    """A file where the data directory should be: named, with the flag that helps."""
    home.configure({})
    (home.directory / "data").write_text("a file")
    code, err = await failed_start(home)
    assert code == 5
    assert "--data-dir" in err


async def test_a_second_start_shows_the_first_and_exits_3(home: Home) -> None:
    """The second instance says where the first one answers, and changes nothing."""
    home.configure({"one": GOOD})
    async with program(home) as running:
        await running.ready()
        for command in ("serve", "run"):
            code, _, err = await home.command(command)
            assert code == 3
            assert running.endpoint in err
            assert "1 of 1 ready" in err


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("servers", "list"), ("servers", "restart", "x"), ("servers", "list", "--json")],
)
async def test_commands_without_a_running_program_say_how_to_start_it(
    home: Home, arguments: tuple[str, ...]
) -> None:
    """Exit code 1 and the command that starts it."""
    home.configure({})
    code, out, err = await home.command(*arguments)
    assert code == 1
    assert out == ""
    assert "mcpproxy-tray: MCP Proxy Tray is not running. Start it with: mcpproxy-tray" in err


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        ({"command": "no-such-command"}, "SPAWN_ENOENT", "'no-such-command' was not found"),
        ({"command": "/etc/passwd"}, "SPAWN_EACCES", "may not be executed"),
        ({**GOOD, "working_dir": "/no/such/place"}, "WORKING_DIR", "'/no/such/place'"),
        ({**GOOD, "env": {"TOKEN": "${env:UNSET_1}"}}, "MISSING_SECRET", "UNSET_1"),
        ({"url": "${env:HOME}/mcp"}, "UNSUPPORTED", "is no web address"),
    ],
)
async def test_a_server_that_cannot_be_started_says_why_and_stays_so(
    home: Home, entry: Json, code: str, words: str
) -> None:
    """One attempt, a stable code, a sentence with the thing and the cause, one action."""
    home.configure({"bad": entry, "good": GOOD})
    async with program(home) as running:
        world = await running.until(lambda world: world["servers"]["bad"]["status"] == "failed")
        bad = world["servers"]["bad"]
        assert bad["fault"]["code"] == code
        assert words in bad["health"]["detail"]
        assert bad["health"]["action"] in {"configure", "set_secret"}
        await running.ready("good")
        exit_code, out, _ = await home.command("servers", "list")
        assert exit_code == 0
        assert words in out


async def test_an_unknown_server_is_named_with_those_that_exist(home: Home) -> None:
    """REST, the command line and the MCP endpoint each refuse an unknown name."""
    home.configure({"known": GOOD})
    async with program(home) as running:
        answer = await running.http.post("/api/v1/servers/unknown/restart")
        assert answer.status_code == 404
        assert "known" in answer.json()["error"]["message"]
        code, _, err = await home.command("servers", "enable", "unknown")
        assert code == 1
        assert "'unknown'" in err
        assert "known" in err
        client = RawClient(running.http, "/mcp/s/unknown")
        assert (await client.post(client.request("initialize", {}))).status_code == 404


async def test_what_makes_no_sense_now_is_refused_with_the_way_out(home: Home) -> None:
    """Restarting a disabled server says to enable it first."""
    home.configure({"off": {**GOOD, "enabled": False}})
    async with program(home) as running:
        answer = await running.http.post("/api/v1/servers/off/restart")
        assert answer.status_code == 409
        assert "Enable it first" in answer.json()["error"]["message"]


async def test_a_wrong_key_or_host_gets_nothing(home: Home) -> None:
    """The interface refuses a missing or wrong key, a foreign Host and a foreign Origin."""
    home.configure({"known": GOOD})
    async with program(home) as running:
        for headers, status in (
            ({"x-api-key": "wrong"}, 401),
            ({"x-api-key": ""}, 401),
            ({"x-api-key": KEY, "host": "evil.example"}, 403),
            ({"x-api-key": KEY, "origin": "http://evil.example"}, 403),
        ):
            for path in ("/api/v1/servers", "/events", "/metrics"):
                answer = await running.http.get(path, headers=headers)
                assert answer.status_code == status, (path, headers)
                assert "access-control-allow-origin" not in answer.headers
        client = RawClient(running.http, "/mcp")
        client.headers["host"] = "evil.example"
        assert (await client.post(client.request("initialize", {}))).status_code == 403

"""The bridge between a client that only knows stdio and the real program."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import ElicitResult

from tests.program import KEY, PROGRAM, ROOT, START_LIMIT, Home, program
from tests.system.stdio.client import stdio

EXAMPLE = {"command": sys.executable, "args": ["-m", "tray_app.example_server"]}
REFERENCE = {
    "command": sys.executable,
    "args": ["-m", "tests.fakes.reference_server", "stdio"],
    "working_dir": str(ROOT),
    "env": {"PYTHONPATH": str(ROOT)},
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.configure({"one": EXAMPLE})
    return home


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
async def test_the_official_client_works_over_stdio(home: Home, mode: Any, version: str) -> None:
    """Lists, calls, progress and a server's question pass in either era; it leaves by itself."""
    home.configure({"reference": REFERENCE}, quarantine_enabled=False)
    command, *arguments = *PROGRAM, "stdio", "--server", "reference", *home.flags
    server = StdioServerParameters(command=command, args=arguments, env=home.environ, cwd=str(ROOT))
    progress: list[float] = []

    async def see(done: float, _: float | None, __: str | None) -> None:
        progress.append(done)

    async def fill_in(_: Any, params: Any) -> ElicitResult:
        fields = params.requested_schema["properties"]
        return ElicitResult(action="accept", content=dict.fromkeys(fields, "Ann"))

    async with program(home) as running:
        await running.ready()
        transport = stdio_client(server)
        async with Client(transport, mode=mode, elicitation_callback=fill_in) as client:
            assert client.protocol_version == version
            tools = (await client.list_tools()).tools
            assert "test_simple_text" in {tool.name for tool in tools}
            called = await client.call_tool("test_tool_with_progress", {}, progress_callback=see)
            assert not called.is_error
            asked = await client.call_tool("test_elicitation", {"message": "Who are you?"})
            assert "Ann" in str(asked.content)
        assert progress == [0, 50, 100]


async def test_without_an_engine_it_says_how_to_start_one(home: Home) -> None:
    """The first request is answered by an error that names the command; nothing hangs."""
    async with stdio(home) as client:
        error = (await client.shake_hands())["error"]
        assert error["message"] == "MCP Proxy Tray is not running. Start it with: mcpproxy-tray"


async def test_an_engine_that_starts_a_little_later_is_waited_for(home: Home) -> None:
    """At login the client may be there first."""
    async with stdio(home, "--server", "one") as client:
        client.ask_modern(1, "tools/list")
        async with program(home):
            answer = await client.answer(1)
        # A machine under load may start the engine too late: then the answer says so.
        late = "is not running" in answer.get("error", {}).get("message", "")
        assert late or len(answer["result"]["tools"]) == 3


async def test_an_engine_that_was_killed_and_started_again_is_used_again(home: Home) -> None:
    """The session is opened anew without the client's doing, who is told to list again."""
    async with stdio(home) as client:
        async with program(home) as running:
            await running.ready()
            await client.shake_hands()
            client.ask(1, "tools/list")
            tools = (await client.answer(1))["result"]["tools"]
            assert "call_tool" in {tool["name"] for tool in tools}
            running.process.send_signal(signal.SIGKILL)
            await running.process.wait()
        async with program(home) as running:
            await running.ready()
            while (told := await client.hear()).get("method") != "notifications/tools/list_changed":
                assert "id" not in told
            wanted = {"name": "one:calculate", "args": {"expression": "6*7"}}
            client.ask(2, "tools/call", name="call_tool", arguments=wanted)
            result = (await client.answer(2))["result"]
            assert "42" in result["content"][0]["text"]
            assert await client.leave() == 0


async def test_lines_that_are_no_messages_are_answered_as_such(home: Home) -> None:
    """Not JSON, not an object, and no engine needed to say so; empty lines are nothing."""
    async with stdio(home) as client:
        for line in (b"hello", b"[]", b"\xff\xfe", b"{", b"17"):
            client.say(b"")
            client.say(line)
            error = await client.hear()
            assert (error["id"], error["error"]["code"]) == (None, -32700)


def garbage(random: Random) -> bytes:
    """A line that is no message, or one with something wrong in it."""
    ids = [1, "a", None, 1.5, [], {}, True, 10**30, "é\u202e"]
    methods = ["tools/list", "", 5, None, "notifications/cancelled", "no/such", "initialize"]
    paramses = [{}, [], 5, {"_meta": 5}, {"_meta": {"io.modelcontextprotocol/protocolVersion": 1}}]
    match random.randrange(4):
        case 0:
            return random.randbytes(random.randrange(1, 200)).replace(b"\n", b"").strip() or b"x"
        case 1:
            return json.dumps(random.choice([*ids, *methods, *paramses])).encode()
        case 2:
            return b"[" * random.randrange(1, 3000)
        case _:
            members = {"jsonrpc": "2.0", "id": random.choice(ids), "method": random.choice(methods)}
            if random.random() < 0.5:
                members["params"] = random.choice(paramses)
            if random.random() < 0.2:
                del members[random.choice(list(members))]
            return json.dumps(members).encode()


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_a_client_writes_it_goes_on(home: Home, seed: int) -> None:
    """Hundreds of wrong lines: each line back is a message, and the next right one is answered."""
    random = Random(seed)
    async with program(home) as running, stdio(home, "--server", "one") as client:
        await running.ready()
        for _ in range(300):
            client.say(garbage(random))
        client.ask_modern("the right one", "tools/list")
        answer = await client.answer("the right one")
        assert len(answer["result"]["tools"]) == 3


async def test_a_client_that_reads_no_more_ends_it(home: Home) -> None:
    """A client that crashed leaves nothing behind."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "stdio",
        *home.flags,
        env=home.environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=(pipe := os.pipe())[1],
    )
    os.close(pipe[1])
    os.close(pipe[0])
    assert process.stdin is not None
    process.stdin.write(b"this is answered\n")
    assert await asyncio.wait_for(process.wait(), START_LIMIT) == 0


async def test_an_address_and_a_key_lead_to_an_engine_elsewhere(home: Home) -> None:
    """--listen names it, MCPPROXY_API_KEY opens it; without the key the client is told."""
    home.configure({"one": EXAMPLE}, require_mcp_auth=True)
    async with program(home) as running:
        await running.ready()
        there = ("--server", "one", "--listen", running.base.removeprefix("http://"))
        async with stdio(home, *there) as client:
            assert "api_key" in (await client.shake_hands())["error"]["message"]
        async with stdio(home, *there, environ={"MCPPROXY_API_KEY": KEY}) as client:
            assert "result" in await client.shake_hands()
            client.ask(1, "tools/list")
            assert len((await client.answer(1))["result"]["tools"]) == 3


async def test_a_server_that_is_not_there_is_named(home: Home) -> None:
    """The engine's own words reach the client."""
    async with program(home), stdio(home, "--server", "nobody") as client:
        assert "nobody" in (await client.shake_hands())["error"]["message"]

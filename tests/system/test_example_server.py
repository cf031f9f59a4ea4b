"""The bundled example server as a real process, driven by hand and by the official client."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "tray_app.example_server")
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")


@asynccontextmanager
async def running() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ask(process: asyncio.subprocess.Process, message: object) -> dict[str, object]:
    line = message if isinstance(message, bytes) else json.dumps(message).encode()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    answer = json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
    assert isinstance(answer, dict)
    return answer


def request(method: str, params: object = None, request_id: object = 1) -> dict[str, object]:
    body = {} if params is None else {"params": params}
    return {"jsonrpc": "2.0", "id": request_id, "method": method, **body}


@asynccontextmanager
async def official_client() -> AsyncIterator[ClientSession]:
    server = StdioServerParameters(command=COMMAND[0], args=list(COMMAND[1:]), cwd=ROOT)
    async with (
        stdio_client(server, sys.__stderr__ or sys.stderr) as (read, write),
        ClientSession(read, write) as session,
    ):
        yield session


async def test_official_client_sees_everything() -> None:
    """The SDK's client shakes hands, lists tools, prompts and resources and uses each."""
    async with official_client() as session:
        hello = await session.initialize()
        assert hello.protocol_version == VERSIONS[0]
        assert hello.server_info.name == "mcpproxy-example"

        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert sorted(tools) == ["calculate", "current_time", "text_stats"]
        for tool in tools.values():
            assert tool.title
            assert tool.description
            assert tool.output_schema
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint

        # The client checks every result against the tool's output schema.
        result = await session.call_tool("calculate", {"expression": "(2 + 3) * sqrt(16)"})
        assert result.structured_content == {"expression": "(2 + 3) * sqrt(16)", "result": 20.0}
        result = await session.call_tool("text_stats", {"text": "zwei Wörter\nund mehr"})
        assert result.structured_content == {
            "characters": 20,
            "words": 4,
            "lines": 2,
            "utf8_bytes": 21,
            "reading_seconds": 1,
        }
        result = await session.call_tool("current_time", {"timezone": "UTC"})
        assert result.structured_content is not None
        assert result.structured_content["iso"].endswith("+00:00")

        (prompt,) = (await session.list_prompts()).prompts
        shown = await session.get_prompt(prompt.name, {"text": "teh cat"})
        assert "teh cat" in shown.messages[0].content.text
        (resource,) = (await session.list_resources()).resources
        read = await session.read_resource(resource.uri)
        assert "mcpServers" in read.contents[0].text
        assert (await session.list_resource_templates()).resource_templates == []
        await session.send_ping()


async def test_official_client_sees_failures() -> None:
    """A tool that cannot do it says so in its result; an unknown tool is a protocol error."""
    async with official_client() as session:
        await session.initialize()
        result = await session.call_tool("calculate", {"expression": "1 / 0"})
        assert result.is_error
        assert result.content[0].text == "The expression divides by zero."
        with pytest.raises(MCPError, match="Unknown tool: nonesuch"):
            await session.call_tool("nonesuch", {})


@pytest.mark.parametrize(
    ("wanted", "given"),
    [*((version, version) for version in VERSIONS), ("1999-01-01", VERSIONS[0])],
)
async def test_version(wanted: str, given: str) -> None:
    """A version it speaks is agreed to; any other is answered with its newest."""
    async with running() as process:
        answer = await ask(process, request("initialize", {"protocolVersion": wanted}))
        result = answer["result"]
        assert isinstance(result, dict)
        assert result["protocolVersion"] == given


@pytest.mark.parametrize(
    ("message", "code", "request_id"),
    [
        (b"not json", -32700, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}', -32700, None),
        (b"[" * 100_000, -32700, None),
        (b"[]", -32600, None),
        (b"3", -32600, None),
        (b'{"id": 1, "method": "ping"}', -32600, None),
        (request("ping", request_id=None), -32600, None),
        (request("ping", request_id=True), -32600, None),
        (request("ping", request_id={}), -32600, None),
        (request("server/discover"), -32601, 1),
        (request("nonesuch", request_id="x"), -32601, "x"),
        (request("ping", []), -32602, 1),
        (request("initialize", {}), -32602, 1),
        (request("tools/call", {}), -32602, 1),
        (request("tools/call", {"name": "calculate", "arguments": 3}), -32602, 1),
        (request("prompts/get", {"name": "nonesuch"}), -32602, 1),
        (request("prompts/get", {"name": "proofread"}), -32602, 1),
        (request("prompts/get", {"name": "proofread", "arguments": []}), -32602, 1),
        (request("resources/read", {"uri": "file:///etc/passwd"}), -32002, 1),
    ],
)
async def test_protocol_error(message: object, code: int, request_id: object) -> None:
    """Each malformed or unknown request gets the JSON-RPC code for it, and service goes on."""
    async with running() as process:
        answer = await ask(process, message)
        error = answer["error"]
        assert isinstance(error, dict)
        assert (answer["id"], error["code"]) == (request_id, code)
        assert error["message"]
        assert await ask(process, request("ping", request_id=2)) == {
            "jsonrpc": "2.0",
            "id": 2,
            "result": {},
        }


@pytest.mark.parametrize(
    ("tool", "arguments", "hint"),
    [
        ("calculate", {}, "'expression' is missing"),
        ("calculate", {"expression": 3}, "must be a string"),
        ("calculate", {"expression": "1", "precision": 2}, "no argument 'precision'"),
        ("calculate", {"expression": "import os"}, "cannot be read"),
        ("current_time", {"timezone": "Mars/Olympus"}, "Europe/Berlin"),
        ("current_time", {"timezone": "Europe"}, "Europe/Berlin"),
        ("current_time", {"timezone": "../../etc/passwd"}, "Europe/Berlin"),
    ],
)
async def test_tool_error(tool: str, arguments: object, hint: str) -> None:
    """Wrong arguments give a result the model can read and correct itself by."""
    async with running() as process:
        call = request("tools/call", {"name": tool, "arguments": arguments})
        result = (await ask(process, call))["result"]
        assert isinstance(result, dict)
        assert result["isError"] is True
        assert hint in result["content"][0]["text"]
        assert "structuredContent" not in result


async def test_current_time_follows_the_zone() -> None:
    """The same moment has the zone's own offset, and without a zone the computer's."""
    async with running() as process:
        moments = []
        for arguments in ({"timezone": "Asia/Kolkata"}, {}):
            call = request("tools/call", {"name": "current_time", "arguments": arguments})
            result = (await ask(process, call))["result"]
            assert isinstance(result, dict)
            moments.append(result["structuredContent"])
        there, here = (datetime.fromisoformat(moment["iso"]) for moment in moments)
        offset = there.utcoffset()
        assert offset is not None
        assert offset.total_seconds() == 5.5 * 3600
        assert abs((there - here).total_seconds()) < 60
        assert here.utcoffset() == here.astimezone().utcoffset()


async def test_unusual_text_survives() -> None:
    """Emoji, line separators and lone surrogates come back as they were sent."""
    text = "a\u2028b \U0001f600 \ud800"
    async with running() as process:
        call = request("tools/call", {"name": "text_stats", "arguments": {"text": text}})
        result = (await ask(process, call))["result"]
        assert isinstance(result, dict)
        assert result["structuredContent"]["characters"] == len(text)


async def test_notifications_are_not_answered() -> None:
    """Notifications, answers and empty lines produce no output; the next request does."""
    async with running() as process:
        assert process.stdin is not None
        process.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 9, "result": {}}\n\n\r\n')
        assert (await ask(process, request("ping", request_id=2)))["id"] == 2


async def test_ends_with_its_input() -> None:
    """Closing its input ends it with code 0, one line on stderr and nothing more on stdout."""
    async with running() as process:
        stdout, stderr = await asyncio.wait_for(process.communicate(b""), 10)
        assert (process.returncode, stdout) == (0, b"")
        assert stderr == b"mcpproxy-example 1.0.0: ready on stdin\n"


async def test_ends_quietly_when_nobody_reads() -> None:
    """A client that closed its end of the output leaves no traceback behind."""
    read_end, write_end = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=write_end,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(write_end)
    os.close(read_end)
    line = json.dumps(request("ping")).encode() + b"\n"
    _, stderr = await asyncio.wait_for(process.communicate(line), 10)
    assert process.returncode == 0
    assert b"Traceback" not in stderr

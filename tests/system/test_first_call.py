"""From nothing to the first call of a tool, as somebody new goes: no file is written by hand."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.mcp_http import RawClient
from tests.program import Home, program

pytestmark = pytest.mark.timeout(120)


async def test_nothing_has_to_be_written_before_the_first_call(home: Home) -> None:
    """Started without a file, connected with one command, called at the address that was told."""
    cursor = home.directory / ".cursor" / "mcp.json"
    await asyncio.to_thread(cursor.parent.mkdir)
    async with program(home, "serve", {"MCPPROXY_LISTEN": "127.0.0.1:0"}) as running:
        code, said, _ = await home.command("tools", "search", "time")
        assert (code, "example:current_time" in said) == (0, True)
        code, said, _ = await home.command("connect", "cursor", "--yes")
        assert (code, "Cursor: connected." in said) == (0, True)
        told = json.loads(await asyncio.to_thread(cursor.read_text))["mcpServers"]["mcpproxy"]
        client = RawClient(running.http, told["url"])
        await client.open()
        arguments = {"name": "example:current_time", "args": {}}
        answer = await client.call("call_tool", arguments)
        assert not answer.get("isError"), answer
        code, said, _ = await home.command("tools", "call", "example:current_time")
        assert code == 0, said

"""The same for clients of the era without sessions (2026-07-28), with the official client."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests.fakes import annotated_server
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(180)

SCRIPT = str(Path(annotated_server.__file__))
LIMIT = 60.0


def entry(name: str) -> Json:
    return {"command": sys.executable, "args": ["-I", "-S", SCRIPT, name]}


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    servers = {"alpha": entry("alpha"), "beta": entry("beta")}
    home.configure(servers, quarantine_enabled=False, tool_response_limit=1000)
    async with program(home) as started:
        await started.ready()
        yield started


def text_of(result: Any) -> str:
    assert not result.is_error, result
    return str(result.content[0].text)


async def test_tools_are_found_called_and_read_on(running: RunningProgram) -> None:
    """Search, call, a cut answer and its rest, as for everybody else."""
    async with Client(running.endpoint) as client:
        assert client.protocol_version == "2026-07-28"
        assert "alpha (9 tools)" in (client.instructions or "")
        found = await client.call_tool("retrieve_tools", {"query": "look up a word", "limit": 1})
        (hit,) = json.loads(text_of(found))["tools"]
        call = {"name": hit["tool_id"], "args": {"word": "x"}}
        assert text_of(await client.call_tool(hit["call_with"], call)) == (
            'alpha look_up {"word": "x"}'
        )
        cut = await client.call_tool(
            "call_tool", {"name": "beta:long_text", "args": {"size": 2000}}
        )
        key = cut.content[1].text.partition('key="')[2].partition('"')[0]
        page = await client.call_tool("read_cache", {"key": key, "offset": 1995})
        assert text_of(page) == "56789"


async def test_all_things_of_all_servers(running: RunningProgram) -> None:
    """Direct names, prompts, resources and completions lead to their servers."""
    async with Client(f"{running.base}/mcp/all") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"alpha__look_up", "beta__wipe"} < names
        assert text_of(await client.call_tool("beta__look_up", {"word": "x"})) == (
            'beta look_up {"word": "x"}'
        )
        prompt = await client.get_prompt("beta__greet")
        assert prompt.messages[0].content.text == "beta"
        uris = [str(each.uri) for each in (await client.list_resources()).resources]
        shared = "mcpproxy://s/beta/test://shared"
        assert shared in uris
        (content,) = (await client.read_resource(shared)).contents
        assert (str(content.uri), content.text) == (shared, "beta test://shared")


async def test_changes_are_told_on_a_subscription(running: RunningProgram) -> None:
    """Whoever listens for lists hears when a server leaves."""
    async with Client(running.endpoint) as client:
        async with client.listen(tools_list_changed=True, prompts_list_changed=True) as events:
            await running.post("/api/v1/servers/beta/disable")
            heard: set[str] = set()
            async with asyncio.timeout(LIMIT):
                async for event in events:
                    heard.add(type(event).__name__)
                    if len(heard) == 2:
                        break
        prompts = {each.name for each in (await client.list_prompts()).prompts}
        assert prompts == {"alpha__greet"}

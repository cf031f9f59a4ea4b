"""Four published servers behind the real program, used by the official client."""

from __future__ import annotations

import json
import subprocess
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests.program import Home, program
from tests.real_servers import EVERYTHING, FILESYSTEM, GIT, TIME, RealServer

NEEDED = [server.needed for server in (EVERYTHING, FILESYSTEM, GIT, TIME)]

pytestmark = [*NEEDED, pytest.mark.timeout(300)]


def client(url: str) -> AbstractAsyncContextManager[Client]:
    """The official client, in the era with a hand-shake."""
    return Client(url, mode="legacy")


def entry(server: RealServer, *more: str) -> dict[str, Any]:
    command, *args = server.argv(*more)
    return {"command": command, "args": args}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    (path / "note.txt").write_text("read me through two programs\n")
    return path


@pytest.fixture
def servers(home: Home, repository: Path) -> Home:
    home.configure(
        {
            "time": entry(TIME),
            "git": entry(GIT, "--repository", str(repository)),
            "everything": entry(EVERYTHING),
            "filesystem": entry(FILESYSTEM, str(repository)),
        }
    )
    return home


def text_of(result: Any) -> str:
    assert not result.is_error, result
    return "\n".join(block.text for block in result.content if block.type == "text")


async def test_each_server_is_used_as_if_connected_directly(
    servers: Home, repository: Path
) -> None:
    """Through /mcp/s/NAME the client lists each server's own tools and calls them."""
    calls = {
        "time": ("get_current_time", {"timezone": "Europe/Paris"}, "Europe/Paris"),
        "git": ("git_status", {"repo_path": str(repository)}, "note.txt"),
        "everything": ("echo", {"message": "hello there"}, "hello there"),
        "filesystem": (
            "read_text_file",
            {"path": str(repository / "note.txt")},
            "read me through two programs",
        ),
    }
    async with program(servers) as running:
        world = await running.ready()
        for name, (tool, arguments, expected) in calls.items():
            async with client(f"{running.endpoint}/s/{name}") as session:
                tools = (await session.list_tools()).tools
                assert tool in {each.name for each in tools}
                assert len(tools) == world["servers"][name]["tool_count"]
                assert expected in text_of(await session.call_tool(tool, arguments))


async def test_what_else_a_server_offers_passes_through(servers: Home) -> None:
    """Prompts, resources, templates, and progress reach the client."""
    async with (
        program(servers) as running,
        client(f"{await _ready(running, 'everything')}/s/everything") as session,
    ):
        assert (await session.list_prompts()).prompts
        assert (await session.get_prompt("simple-prompt")).messages
        resources = (await session.list_resources()).resources
        assert (await session.list_resource_templates()).resource_templates
        assert (await session.read_resource(resources[0].uri)).contents
        heard: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append(done)

        result = await session.call_tool(
            "trigger-long-running-operation",
            {"duration": 0.4, "steps": 4},
            progress_callback=progress,
        )
        assert "completed" in text_of(result).lower()
        assert heard == [1, 2, 3, 4]


async def test_all_servers_tools_are_found_and_called_by_id(servers: Home) -> None:
    """Through /mcp a tool of every server is found by what it does and called as found."""
    wanted = {
        "current time in a timezone": ("time:get_current_time", {"timezone": "UTC"}),
        "echo a message back": ("everything:echo", {"message": "found me"}),
        "directories that may be accessed": ("filesystem:list_allowed_directories", {}),
        "git status of the working tree": ("git:git_status", None),
    }
    async with program(servers) as running:
        await running.ready()
        async with client(running.endpoint) as session:
            names = {tool.name for tool in (await session.list_tools()).tools}
            assert {"retrieve_tools", "call_tool"} < names
            for query, (tool_id, arguments) in wanted.items():
                found = await session.call_tool("retrieve_tools", {"query": query, "limit": 5})
                ids = [hit["tool_id"] for hit in json.loads(text_of(found))["tools"]]
                assert tool_id in ids, (query, ids)
                if arguments is not None:
                    text_of(
                        await session.call_tool("call_tool", {"name": tool_id, "args": arguments})
                    )


async def _ready(running: Any, name: str) -> str:
    await running.ready(name)
    return str(running.endpoint)

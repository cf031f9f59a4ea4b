"""The servers the other tests rely on are the real ones, and they answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from tests.real_servers import ALL, FILESYSTEM, RealServer

A_TOOL_OF = {
    "mcp-server-time": "get_current_time",
    "mcp-server-git": "git_status",
    "server-everything": "echo",
    "server-filesystem": "read_text_file",
}


@pytest.mark.parametrize(
    "server", [pytest.param(each, id=each.name, marks=each.needed) for each in ALL]
)
async def test_server_answers_the_official_client(server: RealServer, tmp_path: Path) -> None:
    """Each real server shakes hands with the official SDK's client and lists its known tool."""
    arguments = server.argv(*([str(tmp_path)] if server is FILESYSTEM else []))[1:]
    started = StdioServerParameters(command=server.command, args=arguments, cwd=str(tmp_path))
    async with stdio_client(started) as streams, ClientSession(*streams) as session:
        await session.initialize()
        listed = await session.list_tools()
    assert A_TOOL_OF[server.name] in {tool.name for tool in listed.tools}

"""The smallest honest gateway on the official SDK: its server in front, its client behind.

As its documentation writes them, with the faster of its choices: answers as JSON rather than as
streams, uvloop and httptools. Run: ``python -m tests.bench.peers.sdk_gateway PORT COMMAND …``.
"""

from __future__ import annotations

import os
import sys

import uvicorn
import uvloop
from mcp import Client, StdioServerParameters
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams


async def serve(port: int, command: str, *args: str) -> None:
    behind = StdioServerParameters(command=command, args=list(args), env=dict(os.environ))
    async with Client(behind) as client:

        async def list_tools(
            _: ServerRequestContext, asked: PaginatedRequestParams | None
        ) -> ListToolsResult:
            return await client.list_tools(cursor=asked.cursor if asked is not None else None)

        async def call_tool(
            _: ServerRequestContext, asked: CallToolRequestParams
        ) -> CallToolResult:
            return await client.call_tool(asked.name, asked.arguments)

        server: Server = Server("gateway", on_list_tools=list_tools, on_call_tool=call_tool)
        app = server.streamable_http_app(json_response=True)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), *sys.argv[2:]))

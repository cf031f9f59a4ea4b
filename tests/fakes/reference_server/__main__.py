"""``stdio`` serves one client on the standard streams; ``http`` serves many, and prints its URL."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import warnings

import mcp.server.stdio
import uvicorn
from mcp.server.runner import serve_loop
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import INVALID_REQUEST
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from tests.fakes.reference_server.server import build

RETRY_MILLISECONDS = 100


class RememberedEvents(EventStore):
    """Every event of every stream, so that a client that lost one can go on reading."""

    def __init__(self) -> None:
        self._events: list[tuple[str, object]] = []

    async def store_event(self, stream_id: str, message: object) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send: EventCallback) -> str | None:
        seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
        if not 0 < seen <= len(self._events):
            return None
        stream_id = self._events[seen - 1][0]
        for number, (its_stream, message) in enumerate(self._events[seen:], seen + 1):
            if its_stream == stream_id and message is not None:
                await send(EventMessage(message, str(number)))
        return stream_id


class OnlyStateful:
    """Refuses requests of the stateless era as a server did that never heard of it."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        version = (
            Headers(scope=scope).get("mcp-protocol-version") if scope["type"] == "http" else ""
        )
        if version not in MODERN_PROTOCOL_VERSIONS:
            await self._app(scope, receive, send)
            return
        error = {"code": INVALID_REQUEST, "message": f"Unsupported protocol version: {version}"}
        answer = JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 400)
        await answer(scope, receive, send)


async def serve_stdio(only_stateful: bool) -> None:
    server = build()
    options = server.create_initialization_options()
    async with mcp.server.stdio.stdio_server() as (reading, writing):
        if only_stateful:
            await serve_loop(server, reading, writing, lifespan_state={}, init_options=options)
        else:
            await server.run(reading, writing, options)


async def serve_http(port: int, resumable: bool, only_stateful: bool) -> None:
    app = build().streamable_http_app(
        event_store=RememberedEvents() if resumable else None,
        retry_interval=RETRY_MILLISECONDS if resumable else None,
    )
    listening = socket.create_server(("127.0.0.1", port))
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    served = OnlyStateful(app) if only_stateful else app
    config = uvicorn.Config(served, log_level="error", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listening])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transport", choices=("stdio", "http"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--resumable", action="store_true", help="streams can be taken up again")
    parser.add_argument("--stateful", action="store_true", help="as before 2026-07-28")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    if chosen.transport == "stdio":
        asyncio.run(serve_stdio(chosen.stateful))
    else:
        asyncio.run(serve_http(chosen.port, chosen.resumable, chosen.stateful))


if __name__ == "__main__":
    main()

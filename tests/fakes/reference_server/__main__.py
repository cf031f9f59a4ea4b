"""``stdio`` serves one client on the standard streams; ``http`` serves many, and prints its URL."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import warnings

import mcp.server.stdio
import uvicorn
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.shared.exceptions import MCPDeprecationWarning

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


async def serve_stdio() -> None:
    server = build()
    async with mcp.server.stdio.stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


async def serve_http(port: int, resumable: bool) -> None:
    app = build().streamable_http_app(
        event_store=RememberedEvents() if resumable else None,
        retry_interval=RETRY_MILLISECONDS if resumable else None,
    )
    listening = socket.create_server(("127.0.0.1", port))
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listening])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transport", choices=("stdio", "http"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--resumable", action="store_true", help="streams can be taken up again")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    if chosen.transport == "stdio":
        asyncio.run(serve_stdio())
    else:
        asyncio.run(serve_http(chosen.port, chosen.resumable))


if __name__ == "__main__":
    main()

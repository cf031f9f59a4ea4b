"""The same upstream by URL: streamable HTTP on raw sockets. Run: ``python -m …``; prints its port.

It answers every POST with JSON, has no stream of its own and asks for no session.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

import uvloop

from tests.bench.echo import answer, read, tools

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SESSION = b"Mcp-Session-Id: one\r\n"


class Echo(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._kept = b""
        self._listed = tools(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._kept += data
        while (end := self._kept.find(b"\r\n\r\n")) >= 0:
            head = self._kept[: end + 2]
            found = _LENGTH.search(head)
            stop = end + 4 + (int(found[1]) if found is not None else 0)
            if len(self._kept) < stop:
                return
            body, self._kept = self._kept[end + 4 : stop], self._kept[stop:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"POST"):
            status, answered = b"405 Method Not Allowed", b""
        elif answered := answer(read(body), self._listed):
            status = b"200 OK"
        else:
            status = b"202 Accepted"
        session = _SESSION if b'"initialize"' in body else b""
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, len(answered), session, answered)
        )


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())

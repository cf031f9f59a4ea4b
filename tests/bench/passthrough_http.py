"""The floor for servers by URL: the least that passes HTTP requests on as HTTP requests.

As the passthrough to a pipe, with kept connections in place of the pipe. Run:
``python -m tests.bench.passthrough_http PORT`` of the server; it prints its own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

from tests.bench.passthrough import serve

_LENGTH = b"content-length: "


class Outlet(asyncio.Protocol):
    """One connection to the server, on which one request at a time is under way."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._missing = 0
        self._asked: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, body: bytes) -> asyncio.Future[bytes]:
        self._transport.write(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        self._asked = self._loop.create_future()
        return self._asked

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            # The head of so small a server comes in one piece.
            end = data.index(b"\r\n\r\n")
            head = data[:end].lower()
            begin = head.index(_LENGTH) + len(_LENGTH)
            self._missing = int(head[begin:].split(b"\r\n", 1)[0])
            data = data[end + 4 :]
        self._parts.append(data)
        self._missing -= len(data)
        if not self._missing and self._asked is not None:
            answer, self._parts = b"".join(self._parts), []
            self._asked.set_result(answer)


async def main(server: int) -> None:
    loop = asyncio.get_running_loop()
    idle: list[Outlet] = []

    async def ask(body: bytes) -> bytes:
        if idle:
            outlet = idle.pop()
        else:
            _, outlet = await loop.create_connection(Outlet, "127.0.0.1", server)
        answer = await outlet.ask(body)
        idle.append(outlet)
        return answer

    await serve(ask, [])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

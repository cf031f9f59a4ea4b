"""The floor for calls: the least that turns HTTP requests into lines on a pipe and back.

The same HTTP parser and loop as the product's, one pipe, the id replaced by the simplest means;
no sessions, no checks, no limits, no records. Run: ``python -m tests.bench.passthrough SERVERS``;
it prints its port and the pids of its children.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import cast

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from core.asgi import Receive, Scope, Send

HEAD = b'{"jsonrpc":"2.0","id":'
ECHO = (sys.executable, "-m", "tests.bench.echo")


class Pipe(asyncio.SubprocessProtocol):
    """One child, and who waits for which line of its."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, asyncio.Future[list[bytes]]] = {}
        self._ids = count(1)
        self._parts: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        process = cast("asyncio.SubprocessTransport", transport)
        self.pid = process.get_pid()
        self._stdin = cast("asyncio.WriteTransport", process.get_pipe_transport(0))

    async def ask(self, body: bytes) -> bytes:
        """The answer to a message, both with the client's id."""
        end = body.index(b",", len(HEAD))
        number = b"%d" % next(self._ids)
        future = self._waiting[number] = self._loop.create_future()
        self._stdin.write(b"".join((HEAD, number, body[end:], b"\n")))
        return b"".join((body[:end], *await future))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if b"\n" not in data:
            self._parts.append(data)
            return
        *ends, left = data.split(b"\n")
        for end in ends:
            self._answered([*self._parts, end])
            self._parts = []
        if left:
            self._parts.append(left)

    def _answered(self, parts: list[bytes]) -> None:
        first = parts[0]
        end = first.index(b",", len(HEAD))
        parts[0] = first[end:]
        future = self._waiting.pop(first[len(HEAD) : end])
        if not future.cancelled():
            future.set_result(parts)


async def serve(ask: Callable[[bytes], Awaitable[bytes]], pids: list[int]) -> None:
    """Answer every POST by asking; tells its port and the pids first."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body: bytes = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        answer = await ask(body) if body else b"{}"  # the question whether it is up
        length = (b"content-length", b"%d" % len(answer))
        kind = (b"content-type", b"application/json")
        await send({"type": "http.response.start", "status": 200, "headers": [length, kind]})
        await send({"type": "http.response.body", "body": answer})

    config = Config(
        app, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False
    )
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config, state, {}), "127.0.0.1", 0, backlog=1024
    )
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(" ".join(map(str, (port, *pids))) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


async def main(servers: int) -> None:
    loop = asyncio.get_running_loop()
    pipes = []
    for _ in range(servers):
        _, pipe = await loop.subprocess_exec(Pipe, *ECHO, stderr=None)
        pipes.append(pipe)

    await serve(pipes[0].ask if pipes else _nobody, [pipe.pid for pipe in pipes])


async def _nobody(body: bytes) -> bytes:
    raise LookupError("there is no server to ask")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

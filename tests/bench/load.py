"""A client that asks as fast as it is answered, in a process of its own.

Run: ``python -m tests.bench.load`` with a plan (see ``Plan``) as JSON on standard input; it prints
a ``Load`` as JSON. It checks the id and the length of every answer and parses nothing else.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from typing import cast

import msgspec
import uvloop

from tests.bench.process import cpu_seconds, pin

WARM_UP = 0.2  # seconds of asking before anything counts

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SESSION = re.compile(rb"\r\nmcp-session-id: *([^\r]+)", re.IGNORECASE)
_INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":'
    b'{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"l","version":"1"}}}'
)


class Plan(msgspec.Struct, kw_only=True):
    """What to ask: ``params`` of tools/call, by ``clients`` at once, for ``seconds``.

    To ``port`` and ``path``, shaking hands first if there is a path; with port 0 it starts
    ``argv`` and asks over its pipe. ``watched`` is the pid whose CPU time is counted.
    """

    params: str
    clients: int
    seconds: float
    port: int = 0
    path: str = ""
    watched: int = 0
    argv: tuple[str, ...] = ()


class Load(msgspec.Struct, kw_only=True):
    """What came of it; times in seconds, ``cpu`` of the watched process per call."""

    calls: int
    rate: float
    p50: float
    p99: float
    cpu: float
    answer_bytes: int


class Stopwatch:
    """Counts the answers between its start and its end."""

    def __init__(self, plan: Plan, ended: asyncio.Future[Load]) -> None:
        self._plan = plan
        self._ended = ended
        self._took: list[float] = []
        self._length = 0
        self.running = True
        loop = asyncio.get_running_loop()
        loop.call_later(WARM_UP, self._start)

    def _start(self) -> None:
        if not self.running:
            return  # something failed meanwhile
        self._took.clear()
        self._cpu = self._used()
        self._began = time.perf_counter()
        asyncio.get_running_loop().call_later(self._plan.seconds, self._end)

    def _used(self) -> float:
        return cpu_seconds(self._plan.watched) if self._plan.watched else 0.0

    def answered(self, sent: float, length: int) -> None:
        self._took.append(time.perf_counter() - sent)
        self._length = length

    def _end(self) -> None:
        if not self.running:
            return
        elapsed = time.perf_counter() - self._began
        cpu = self._used() - self._cpu
        self.running = False
        took = sorted(self._took)
        if not took:
            self._ended.set_exception(TimeoutError("not one answer came in time"))
            return
        self._ended.set_result(
            Load(
                calls=len(took),
                rate=len(took) / elapsed,
                p50=took[len(took) // 2],
                p99=took[len(took) * 99 // 100],
                cpu=cpu / len(took),
                answer_bytes=self._length,
            )
        )


class Post(asyncio.Protocol):
    """One connection of one client."""

    def __init__(self, plan: Plan, watch: Stopwatch, failed: Callable[[str], None]) -> None:
        self._plan = plan
        self._watch = watch
        self._failed = failed
        self._head = (
            f"POST {plan.path or '/'} HTTP/1.1\r\nhost: 127.0.0.1:{plan.port}\r\n"
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
        ).encode()
        self._id = 0
        self._sent = 0.0
        self._kept = b""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._missing = 0  # bytes of the answer that have not come yet
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._plan.path:
            self._post(_INITIALIZE)
        else:
            self._call()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)
        if self._watch.running:
            self._failed(f"a connection was closed ({exc})")

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            data = self._kept + data
            end = data.find(b"\r\n\r\n")
            # The body's first bytes hold the id; they are waited for together with the head.
            if end < 0 or len(data) < end + 44:
                self._kept = data
                return
            self._kept = b""
            head, data = data[:end], data[end + 4 :]
            length = _LENGTH.search(head)
            if length is None or not self._right(head, data):
                self._failed(f"a wrong answer to {self._id}: {head + data[:200]!r}")
                return
            self._length = self._missing = int(length[1])
            if not self._id:
                session = _SESSION.search(head)
                if session is not None:
                    self._head += b"mcp-session-id: " + session[1] + b"\r\n"
        self._missing -= len(data)
        if not self._missing:
            if self._id:
                self._watch.answered(self._sent, self._length)
            if self._watch.running:
                self._call()
            else:
                self.transport.close()

    def _right(self, head: bytes, body: bytes) -> bool:
        return b" 200 " in head[:14] and body.startswith(
            b'{"jsonrpc":"2.0","id":%d,"result":' % self._id
        )

    def _call(self) -> None:
        self._id += 1
        self._post(request(self._id, self._plan.params.encode()))

    def _post(self, body: bytes) -> None:
        self._sent = time.perf_counter()
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body))


class Direct(asyncio.SubprocessProtocol):
    """All clients on the server's own pipe: the floor under every gateway."""

    def __init__(self, plan: Plan, watch: Stopwatch, failed: Callable[[str], None]) -> None:
        self._plan = plan
        self._watch = watch
        self._failed = failed
        self._id = 0
        self._sent: dict[bytes, float] = {}
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.process = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self.process.get_pipe_transport(0))
        pin(self.process.get_pid(), 1)
        for _ in range(self._plan.clients):
            self._call()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._parts.append(data)
        if b"\n" not in data:
            return
        *lines, left = b"".join(self._parts).split(b"\n")
        self._parts = [left] if left else []
        for line in lines:
            self._watch.answered(self._sent.pop(line[22 : line.index(b",", 22)]), len(line))
            if self._watch.running:
                self._call()

    def process_exited(self) -> None:
        if self._watch.running:
            self._failed("the server ended")

    def _call(self) -> None:
        self._id += 1
        self._sent[b"%d" % self._id] = time.perf_counter()
        self._stdin.write(request(self._id, self._plan.params.encode()) + b"\n")


def request(number: int, params: bytes) -> bytes:
    head = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":' % number
    return b"".join((head, params, b"}"))


async def run(plan: Plan) -> Load:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Load] = loop.create_future()
    watch = Stopwatch(plan, ended)

    def failed(why: str) -> None:
        watch.running = False
        if not ended.done():
            ended.set_exception(ConnectionError(why))

    if not plan.port:
        transport, direct = await loop.subprocess_exec(
            lambda: Direct(plan, watch, failed), *plan.argv, stderr=None
        )
        try:
            return await ended
        finally:
            direct.process.kill()
            transport.close()
    clients: list[Post] = []
    try:
        for _ in range(plan.clients):
            _, client = await loop.create_connection(
                lambda: Post(plan, watch, failed), "127.0.0.1", plan.port
            )
            clients.append(client)
        return await ended
    finally:
        for client in clients:
            client.transport.abort()
        await asyncio.gather(*(client.closed for client in clients))


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(plan))))


if __name__ == "__main__":
    main()

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

from tests.bench.answers import Answer, Answers, named
from tests.bench.process import cpu_seconds, pin

WARM_UP = 0.2  # seconds of asking, after every client's first answer, before anything counts
LIMIT = 180.0  # seconds for the rest: handshakes above all, and calls of what is counted

_VERSION = re.compile(rb'"protocolVersion": ?"([^"]+)"')
_INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":'
    b'{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"l","version":"1"}}}'
)
_INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


class Plan(msgspec.Struct, kw_only=True):
    """What to ask: ``params`` of tools/call, by ``clients`` at once, for ``seconds``.

    If ``calls`` is given, it ends after so many of each client's instead, and nothing is warm-up.
    It asks at ``port`` and ``path``, with these ``headers``, and shakes hands before if told so;
    with port 0 it starts ``argv`` and asks over its pipe. ``watched`` is the pid whose CPU time
    is counted.
    """

    params: str
    clients: int = 1
    seconds: float = 1.0
    calls: int = 0
    port: int = 0
    path: str = "/"
    headers: dict[str, str] = {}
    shakes_hands: bool = False
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
        self._loop = asyncio.get_running_loop()
        self._unheard = plan.clients
        if plan.calls:
            self._start()

    def heard(self) -> None:
        """A client has its first answer."""
        self._unheard -= 1
        if not self._unheard and not self._plan.calls:
            self._loop.call_later(WARM_UP, self._start)

    def _start(self) -> None:
        if not self.running:
            return  # something failed meanwhile
        self._took.clear()
        self._cpu = self._used()
        self._began = time.perf_counter()
        if not self._plan.calls:
            self._loop.call_later(self._plan.seconds, self._end)

    def _used(self) -> float:
        return cpu_seconds(self._plan.watched) if self._plan.watched else 0.0

    def answered(self, sent: float, length: int) -> None:
        self._took.append(time.perf_counter() - sent)
        self._length = length
        if len(self._took) == self._plan.calls * self._plan.clients:
            self._end()

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
        lines = (f"POST {plan.path} HTTP/1.1", f"host: 127.0.0.1:{plan.port}")
        fields = (f"{name}: {value}" for name, value in plan.headers.items())
        self._head = (
            "\r\n".join((*lines, *fields)) + "\r\ncontent-type: application/json\r\n"
            "accept: application/json, text/event-stream\r\n"
        ).encode()
        self._answers = Answers()
        self._answered = self._hello if plan.shakes_hands else self._result
        self._params = plan.params.encode()
        self._calls = 0
        self._sent = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._plan.shakes_hands:
            self._post(_INITIALIZE)
        else:
            self._call()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)
        if self._watch.running:
            self._failed(f"a connection was closed ({exc})")

    def data_received(self, data: bytes) -> None:
        answer = self._answers.feed(data)
        if answer is not None:
            self._answered(answer)

    def _hello(self, answer: Answer) -> None:
        if not answer.is_result(0):
            self._refuse(answer)
            return
        session = named(answer.head, b"mcp-session-id")
        if session:
            self._head += b"mcp-session-id: %b\r\n" % session
        version = _VERSION.search(answer.begin)
        if version is not None:
            self._head += b"mcp-protocol-version: %b\r\n" % version[1]
        self._answered = self._noticed
        self._post(_INITIALIZED)

    def _noticed(self, answer: Answer) -> None:
        if not answer.accepted:
            self._refuse(answer)
            return
        self._answered = self._result
        self._call()

    def _result(self, answer: Answer) -> None:
        if not answer.is_result(self._calls):
            self._refuse(answer)
            return
        self._watch.answered(self._sent, answer.length)
        if self._calls == 1:
            self._watch.heard()
        if not self._watch.running:
            self.transport.close()
        elif self._calls != self._plan.calls:
            self._call()

    def _refuse(self, answer: Answer) -> None:
        self._failed(f"a wrong answer to {self._calls}: {answer.head + answer.begin!r}")

    def _call(self) -> None:
        self._calls += 1
        self._post(request(self._calls, self._params))

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
            self._watch.heard()

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
    """Raises ConnectionError, TimeoutError."""
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
            async with asyncio.timeout(plan.seconds + LIMIT):
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
        async with asyncio.timeout(plan.seconds + LIMIT):
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

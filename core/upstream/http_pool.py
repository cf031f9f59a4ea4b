"""The connections to one server: idle ones are used again, others are opened as needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from core.upstream.http_open import Opener
from core.upstream.http_wire import Answer, Wire, WireFailure

# Many servers close what is idle for 5 s (Node, uvicorn). A request sent into a connection that
# is just being closed may or may not be seen, so we are earlier.
IDLE_LIMIT = 4.0  # seconds
MOST_IDLE = 16

_PROMISED = re.compile(rb"timeout\s*=\s*(\d{1,6})")


class Exchange:
    """A request on its way, or its answer; to be closed by whoever wants neither any more."""

    __slots__ = ("closed", "task", "wire")

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.task: asyncio.Task[None] | None = None  # opens a connection for it
        self.closed = False

    def close(self) -> None:
        """Its answer hears nothing any more."""
        if self.closed:
            return
        self.closed = True
        if self.task is not None:
            self.task.cancel()
        if self.wire is not None:
            self.wire.close()


class Pool:
    """``trouble`` is told why a connection could not be opened, and puts it in words."""

    def __init__(
        self, opener: Opener, tasks: asyncio.TaskGroup, trouble: Callable[[OSError], str]
    ) -> None:
        self.opener = opener
        self._tasks = tasks
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._idle: list[Wire] = []
        self._wires: set[Wire] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False

    def send(self, request: bytes, answer: Answer) -> Exchange:
        """Send a request, at once where a connection is idle. Its failure may be told within."""
        exchange = Exchange()
        while self._idle:
            wire = self._idle.pop()
            assert wire.idle is not None
            wire.idle.cancel()
            wire.idle = None
            if wire.stale:
                wire.close()
            else:
                self._carry(wire, request, answer, exchange)
                return exchange
        if self._closed:
            answer.failed(WireFailure("the connection is closing", unsent=True))
            return exchange
        exchange.task = self._tasks.create_task(
            self._open(request, answer, exchange), name=f"open {self.opener.route.origin}"
        )
        self._opening.add(exchange.task)
        exchange.task.add_done_callback(self._opening.discard)
        return exchange

    def close(self) -> None:
        """End everything at once; nobody is told."""
        self._closed = True
        for task in tuple(self._opening):
            task.cancel()
        for wire in tuple(self._wires):
            wire.close()

    async def _open(self, request: bytes, answer: Answer, exchange: Exchange) -> None:
        try:
            wire = await self.opener.open(lambda: Wire(self._at_rest, self._over))
        except OSError as error:
            if not exchange.closed:
                exchange.closed = True
                answer.failed(WireFailure(self._trouble(error), unsent=True))
            return
        exchange.task = None
        self._wires.add(wire)
        if self._closed or exchange.closed:
            wire.close()
        elif not wire.usable:
            answer.failed(WireFailure("the connection was closed at once", unsent=True))
        else:
            self._carry(wire, request, answer, exchange)

    def _carry(self, wire: Wire, request: bytes, answer: Answer, exchange: Exchange) -> None:
        exchange.wire = wire
        wire.carry(request, _Closing(answer, exchange))

    def _at_rest(self, wire: Wire) -> None:
        if self._closed or len(self._idle) >= MOST_IDLE:
            wire.close()
            return
        promised = _PROMISED.search(wire.keep_alive)
        limit = min(IDLE_LIMIT, int(promised[1]) - 1.0) if promised else IDLE_LIMIT
        if limit <= 0:
            wire.close()
            return
        wire.idle = self._loop.call_later(limit, wire.close)
        self._idle.append(wire)

    def _over(self, wire: Wire) -> None:
        self._wires.discard(wire)
        if wire in self._idle:
            self._idle.remove(wire)


class _Closing:
    """Passes an answer on; at its end the exchange lets go of a wire that others may get."""

    __slots__ = ("_answer", "_exchange", "body", "head")

    def __init__(self, answer: Answer, exchange: Exchange) -> None:
        self._answer = answer
        self._exchange = exchange
        self.head = answer.head
        self.body = answer.body

    def end(self) -> None:
        self._over()
        self._answer.end()

    def failed(self, failure: WireFailure) -> None:
        self._over()
        self._answer.failed(failure)

    def _over(self) -> None:
        self._exchange.wire = None
        self._exchange.closed = True

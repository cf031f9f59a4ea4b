"""What comes out of a child's pipe, as lines: a bounded piece of work per turn of the loop.

A pipe is read on only when what was read is dealt with, so that a child which writes faster than
it may is held back by its own full pipe, and never by our memory or by our other servers' time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from core.protocol.framing import LineFramer, Oversize

SLICE = 0.005  # seconds of work per turn of the loop
DROPPED_WEIGHT = 1 / 16  # of a byte that is dropped unread, such as in a line without an end

Frame = bytes | Oversize


class Intake:
    """Hands lines to ``take``, which tells for how many bytes each counts.

    ``pace`` is told that number and the moment, and says how many seconds to wait.
    """

    def __init__(
        self,
        framer: LineFramer,
        take: Callable[[Frame], float],
        pace: Callable[[float, float], float],
    ) -> None:
        self._framer = framer
        self._take = take
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._pipe: asyncio.ReadTransport | None = None
        self._pending: deque[Frame] = deque()
        self._next: asyncio.Handle | None = None
        self._paused = False
        self._discarding = False

    @property
    def behind(self) -> bool:
        """Whether there is more to deal with."""
        return self._next is not None

    def attach(self, pipe: asyncio.ReadTransport) -> None:
        """The pipe to hold back."""
        self._pipe = pipe

    def received(self, data: bytes) -> None:
        """Take what was read."""
        if self._discarding:
            return
        self._pending.extend(self._framer.feed(data))
        wait = 0.0
        if self._framer.dropping:
            wait = self._pace(len(data) * DROPPED_WEIGHT, self._loop.time())
        if wait:
            self._hold(wait)
        elif self._next is None:
            self._work()

    def ended(self) -> None:
        """The pipe is closed: deal with what is left, an unfinished line included."""
        if self._discarding:
            return
        left = self._framer.end()
        if left is not None:
            self._pending.append(left)
        while self._pending:
            self._take(self._pending.popleft())
        self.discard()

    def discard(self) -> None:
        """From now on read and forget, so that a child that wants to end is not stuck writing."""
        self._discarding = True
        self._pending.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._read_on()

    def _work(self) -> None:
        self._next = None
        now = self._loop.time()
        until = now + SLICE
        while self._pending and now < until:
            counts = self._take(self._pending.popleft())
            now = self._loop.time()
            if counts:
                wait = self._pace(counts, now)
                if wait:
                    self._hold(wait)
                    return
        if self._pending:
            self._hold(0.0)
        else:
            self._read_on()

    def _hold(self, seconds: float) -> None:
        if self._discarding:
            return
        if self._next is not None:
            self._next.cancel()
        if self._pipe is not None and not self._paused and not self._pipe.is_closing():
            self._paused = True
            self._pipe.pause_reading()
        self._next = self._loop.call_later(seconds, self._work)

    def _read_on(self) -> None:
        if self._pipe is not None and self._paused and not self._pipe.is_closing():
            self._paused = False
            self._pipe.resume_reading()

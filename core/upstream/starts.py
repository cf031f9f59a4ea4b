"""How many servers may be starting at the same moment, so that fifty do not starve each other."""

from __future__ import annotations

import asyncio
import os
from collections import deque

AT_ONCE = min(8, 4 * (os.cpu_count() or 1))
LONGEST = 5.0  # seconds; a server that takes longer no longer holds up the others


class Starts:
    """Turns in order of asking. A turn ends when it is given back, or after ``LONGEST``."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self, unless: asyncio.Future[None]) -> Turn | None:
        """Wait for a turn; None when ``unless`` is done first."""
        if self._free == 0:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await asyncio.wait([waiter, unless], return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self._leave(waiter)
                raise
            if unless.done():
                self._leave(waiter)
                return None
            return Turn(self)  # the turn was handed over, so it is not free in between
        self._free -= 1
        return Turn(self)

    def give_back(self) -> None:
        """Hand a turn to who waits longest."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free += 1

    def _leave(self, waiter: asyncio.Future[None]) -> None:
        if waiter.done():
            self.give_back()
        else:
            self._waiting.remove(waiter)


class Turn:
    """Held by a server that is starting."""

    def __init__(self, starts: Starts) -> None:
        self._starts: Starts | None = starts
        self._timer = asyncio.get_running_loop().call_later(LONGEST, self.end)

    def end(self) -> None:
        """Let the next one start; may be called again."""
        starts, self._starts = self._starts, None
        if starts is not None:
            self._timer.cancel()
            starts.give_back()

"""One timer for many deadlines, most of which are met long before they are due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

RESOLUTION = 0.002  # seconds; a timer may fire so much too early


class Alarm:
    """``ring`` is called with the moment when the first deadline may be due; it returns the next.

    A deadline that is met is not taken back: the alarm then rings once in vain.
    """

    def __init__(self, ring: Callable[[float], float | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def by(self, moment: float) -> None:
        """Ring then at the latest; ``moment`` is the loop's."""
        if self._timer is not None:
            if self._at <= moment:
                return
            self._timer.cancel()
        self._at = moment
        self._timer = self._loop.call_at(moment, self._rings)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _rings(self) -> None:
        self._timer = None
        first = self._ring(self._loop.time() + RESOLUTION)
        if first is not None:
            self.by(first)

"""What strangers can cause as often as they like is told once in a while."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 60.0  # seconds


class Seldom:
    """Lets one of a kind pass in a while, and counts the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = float("-inf")
        self._since = 0
        self.left_out = 0  # before the one that passed last

    def passes(self) -> bool:
        """Whether this one is to be told."""
        now = self._clock()
        if now < self._next:
            self._since += 1
            return False
        self._next = now + EVERY
        self.left_out, self._since = self._since, 0
        return True

"""A log filter for what strangers can cause as often as they like."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY = 60.0  # seconds between two lines
MALFORMED = "Invalid HTTP request received."  # uvicorn's words, which it logs for each


class Seldom(logging.Filter):
    """Lets one line of a kind pass in a while, which says how many were left out before it."""

    def __init__(self, message: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._message = message
        self._clock = clock
        self._next = float("-inf")
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != self._message:
            return True
        now = self._clock()
        if now < self._next:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg = f"{self._message} {self._left_out} more like it came before."
        self._next, self._left_out = now + EVERY, 0
        return True


_malformed = Seldom(MALFORMED)


def quieten() -> None:
    """Apply it to the HTTP parser's log; may be called again."""
    logging.getLogger("uvicorn.error").addFilter(_malformed)

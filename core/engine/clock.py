"""The real clock of the running event loop."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from core.ports import Timer


class LoopClock:
    """Monotonic seconds and timers of the loop it is used in; wall time in UTC."""

    def now(self) -> float:
        # The loops count on the same clock, but uvloop's own reading is cached and coarse.
        return time.monotonic()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def slept(self) -> float:
        if sys.platform == "linux":
            with_sleep = time.clock_gettime(time.CLOCK_BOOTTIME)
        else:  # a clock that is set looks like sleep, which costs no more than a retry
            with_sleep = time.time()
        return with_sleep - time.monotonic()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_at(when, callback)

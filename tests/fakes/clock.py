"""A clock that stands still until a test moves it; implements ``core.ports.Clock``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeTimer:
    """One pending call."""

    def __init__(self, clock: FakeClock, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self._clock = clock

    def cancel(self) -> None:
        if self in self._clock.timers:
            self._clock.timers.remove(self)


class FakeClock:
    """Monotonic seconds from 1000, and the wall clock that goes with them."""

    def __init__(self) -> None:
        self._now = 1000.0
        self.asleep = 0.0  # seconds slept so far; a test adds to it
        self.stepped = timedelta()  # by how much the wall clock was set; a test adds to it
        self.timers: list[FakeTimer] = []  # armed, in the order they were set

    def now(self) -> float:
        return self._now

    def wall(self) -> datetime:
        return START + timedelta(seconds=self._now) + self.stepped

    def slept(self) -> float:
        return self.asleep

    def call_at(self, when: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(self, when, callback)
        self.timers.append(timer)
        return timer

    async def advance(self, seconds: float) -> None:
        """Let time pass: each timer fires at its moment, and what follows from it happens."""
        end = self._now + seconds
        await settle()
        while due := [timer for timer in self.timers if timer.when <= end]:
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self._now = max(self._now, timer.when)
            timer.callback()
            await settle()
        self._now = end


async def settle() -> None:
    """Let everything happen that can happen without time, sockets or threads.

    The longest chain here (timer, task, its end, its report, reconciliation) has a dozen turns.
    """
    for _ in range(40):
        await asyncio.sleep(0)

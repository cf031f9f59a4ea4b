"""Notices that the event loop does not turn, from a thread that sleeps while nothing happens.

While there is work the thread asks the loop for a sign of life every ``PACE`` seconds. Every
standstill longer than twice that is noticed, none shorter than once is. When the program has
used next to no processor time for a while the thread waits to be touched: an idle program has
no wake-up by it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from core.ports import Door
from core.telemetry.counters import Counters

PACE = 2.5  # seconds
QUIET = 0.002  # seconds of processor time between two looks that nobody's work needs
QUIET_LOOKS = 3  # so many in a row, and the thread goes to sleep
SLACK = 1.0  # seconds a wait may take too long before the whole process must have stood still

log = logging.getLogger(__name__)


class Watchdog:
    """Watches the running loop inside a ``with``; ``dump`` writes the stacks and says where."""

    def __init__(
        self, door: Door, counters: Counters, dump: Callable[[], str], pace: float = PACE
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._stalls = counters.event_loop_stalls
        self._stalls.start_at_zero()
        self._lag = counters.event_loop_lag
        self._lag.start_at_zero()
        self._dump = dump
        self._pace = pace
        self._work = threading.Event()
        self._stop = threading.Event()
        self._sign = threading.Event()  # of life, from the loop
        self._changes = door.subscribe(self.touch)
        self._thread = threading.Thread(target=self._run, name="loop watch", daemon=True)

    def __enter__(self) -> Self:
        self._work.set()  # a program that starts has work
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread, which takes moments."""
        self._changes.close()
        self._stop.set()
        self._sign.set()
        self._work.set()
        self._thread.join()

    def touch(self) -> None:
        """There is work. From any thread; costs next to nothing while the thread is awake."""
        if not self._work.is_set():
            self._work.set()

    def _run(self) -> None:
        while True:
            self._watch_until_quiet()
            if self._stop.is_set():
                return
            self._work.wait()

    def _watch_until_quiet(self) -> None:
        quiet = 0
        used = _used_by_others()
        while quiet < QUIET_LOOKS and not self._stop.wait(self._pace):
            self._look()
            before, used = used, _used_by_others()
            quiet = quiet + 1 if used - before < QUIET else 0
            if quiet == QUIET_LOOKS:
                # From here on a touch is seen; what came just before is not lost either.
                self._work.clear()
                if self._changes.take() is not None:
                    quiet = 0

    def _look(self) -> None:
        self._sign.clear()
        if self._stop.is_set() or not self._ask():
            return
        asked = time.monotonic()
        while not self._sign.wait(self._pace):
            if time.monotonic() - asked > self._pace + SLACK:
                asked = time.monotonic()  # all of us were stopped: the loop gets its time anew
                continue
            self._report()
            self._sign.wait()
            if not self._stop.is_set():
                took = round(time.monotonic() - asked, 1)
                log.warning("the event loop turns again", extra={"fields": {"seconds": took}})

    def _ask(self) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._turned, time.monotonic())
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _turned(self, asked: float) -> None:
        """The sign of life; on the loop, which the counters belong to."""
        self._lag.observe(time.monotonic() - asked)
        self._sign.set()

    def _report(self) -> None:
        try:
            where = self._dump()
        except OSError as error:
            where = f"not written: {error.strerror or error}"
        log.warning("the event loop stands still", extra={"fields": {"stacks": where}})
        self._loop.call_soon_threadsafe(self._stalls.inc)  # counters belong to the loop


def _used_by_others() -> float:
    """Seconds of processor time that all threads but the calling one have used."""
    return time.process_time() - time.thread_time()

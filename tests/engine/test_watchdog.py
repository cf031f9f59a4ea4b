"""A loop that is blocked is noticed from outside it; a program at rest is left at rest."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.engine.watchdog import Watchdog
from core.telemetry.counters import Counters
from core.telemetry.stacks import KEPT, write_stacks
from tests.engine.running import running
from tests.fakes.source import server

PACE = 0.1
LIMIT = 20.0


def block_the_loop(until: threading.Event) -> None:
    assert until.wait(LIMIT)


def stalls(counters: Counters) -> float:
    return sum(counters.event_loop_stalls.values.values())


@contextmanager
def turning() -> Iterator[asyncio.Queue[None]]:
    """Has an entry for each time the watchdog says that the loop turns again."""
    turns: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "the event loop turns again":
                loop.call_soon_threadsafe(turns.put_nowait, None)

    listener, logger = Listener(), logging.getLogger("core.engine.watchdog")
    logger.addHandler(listener)
    yield turns
    logger.removeHandler(listener)


async def test_f66_a_blocked_loop_is_noticed_and_the_culprit_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The stacks are on disk while it lasts, with the blocking call; it is logged and counted."""
    written = threading.Event()
    found: list[Path] = []

    def dump() -> str:
        found.append(write_stacks(tmp_path))
        written.set()
        return str(found[-1])

    async with running(server("one")) as world:
        with Watchdog(world.engine, world.counters, dump, PACE) as watchdog, turning() as turns:
            watchdog.touch()
            block_the_loop(written)
            await asyncio.wait_for(turns.get(), LIMIT)
        assert stalls(world.counters) == 1
    (path,) = found
    text = path.read_text()
    assert "Thread MainThread" in text
    assert "in block_the_loop" in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"stacks-\d{8}-\d{6}-\d{6}\.txt", path.name)
    (warned,) = [
        record for record in caplog.records if record.message == "the event loop stands still"
    ]
    assert vars(warned)["fields"] == {"stacks": str(path)}


async def test_f66_a_disk_that_takes_no_stacks_does_not_end_the_watch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What cannot be written is said in the log, and the next standstill is noticed as well."""
    tried = [threading.Event(), threading.Event()]
    left = iter(tried)

    def dump() -> str:
        next(left).set()
        raise OSError(28, os.strerror(28))

    async with running(server("one")) as world:
        with Watchdog(world.engine, world.counters, dump, PACE) as watchdog, turning() as turns:
            for each in tried:
                watchdog.touch()
                block_the_loop(each)
                await asyncio.wait_for(turns.get(), LIMIT)
        assert stalls(world.counters) == 2
    assert "not written: No space left on device" in str(
        [vars(record).get("fields") for record in caplog.records]
    )


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="needs the processor time of one thread"
)
async def test_f66_a_program_at_rest_is_not_woken() -> None:
    """After a few quiet looks the thread uses no processor time, until there is work again."""
    async with running(server("one")) as world:
        with Watchdog(world.engine, world.counters, lambda: "nowhere", PACE) as watchdog:
            (thread,) = [one for one in threading.enumerate() if one.name == "loop watch"]
            assert thread.ident is not None
            clock = time.pthread_getcpuclockid(thread.ident)
            used = [time.clock_gettime(clock)]
            while len(used) < 2 or used[-1] > used[-2]:  # awake it would have looked ten times
                assert len(used) < 20, "it never went to sleep"
                await _passed(10 * PACE)
                used.append(time.clock_gettime(clock))
            watchdog.touch()
            await _passed(10 * PACE)
            assert time.clock_gettime(clock) > used[-1]
        assert stalls(world.counters) == 0


async def _passed(seconds: float) -> None:
    """Time in which nothing may happen: what is measured is that nothing does."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_future()


async def test_ending_the_watch_takes_moments_whatever_it_is_doing() -> None:
    """Awake or asleep, the thread ends at once and leaves nothing behind."""
    async with running(server("one")) as world:
        for _ in range(50):
            with Watchdog(world.engine, world.counters, lambda: "nowhere", 60.0):
                pass
        assert not [one for one in threading.enumerate() if one.name == "loop watch"]


def test_only_the_newest_stacks_are_kept(tmp_path: Path) -> None:
    """However often the loop stalls, the directory holds a bounded number of files."""
    paths = [write_stacks(tmp_path / "logs") for _ in range(KEPT + 3)]
    assert sorted((tmp_path / "logs").iterdir()) == paths[-KEPT:]

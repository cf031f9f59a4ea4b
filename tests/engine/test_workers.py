"""The threads for blocking work are there before the work is."""

from __future__ import annotations

import sys
import threading

import pytest

from core.engine.workers import workers

TOO_MUCH = 1 << 47  # bytes of stack, more than a process can address


def _working() -> int:
    return sum(thread.name.startswith("worker") for thread in threading.enumerate())


def test_f28_work_needs_no_thread_that_is_not_there(nothing_left: None) -> None:
    """All are started at once, so a system that later refuses threads refuses us nothing."""
    before = _working()
    with workers(5) as executor:
        assert _working() == before + 5
        assert list(executor.map(abs, range(-20, 0))) == list(range(20, 0, -1))
        assert _working() == before + 5


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a stack is limited otherwise")
def test_f28_without_room_for_threads_at_the_start_nothing_waits_for_them(
    nothing_left: None,
) -> None:
    """What threads there are begin to work; with none the start goes on all the same."""
    usual = threading.stack_size(TOO_MUCH)
    try:
        executor = workers(3)
    finally:
        threading.stack_size(usual)
    with executor:
        assert executor.submit(abs, -1).result(10) == 1

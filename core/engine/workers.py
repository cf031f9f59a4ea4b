"""The threads for what would block the loop, all of them there from the start."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

COUNT = 6  # what they do takes milliseconds, and eight servers at most start at once

log = logging.getLogger(__name__)


def workers(count: int = COUNT) -> ThreadPoolExecutor:
    """An executor that needs no new thread when work comes.

    The usual one starts its threads as they are needed. When the system has no room for another
    it raises RuntimeError and carries the work out later all the same, when nobody waits for it:
    a child process started so would belong to nobody.
    """
    executor = ThreadPoolExecutor(count, thread_name_prefix="worker")
    together = threading.Barrier(count + 1)  # while one waits it is not idle, so the next is new
    try:
        for _ in range(count):
            executor.submit(_wait, together)
        _wait(together)
    except RuntimeError as error:
        log.warning("not all threads started", extra={"fields": {"why": str(error)}})
        together.abort()
    return executor


def _wait(together: threading.Barrier) -> None:
    try:
        together.wait()
    except threading.BrokenBarrierError:
        return

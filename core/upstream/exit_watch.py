"""Learn that a child process has ended from the process itself, whoever holds its pipes."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import threading
from collections.abc import Callable
from subprocess import Popen


def watch_exit(process: Popen[bytes], ended: Callable[[], object]) -> None:
    """Call ``ended`` on the running loop once the process is over, for it to collect it.

    Until it is collected, its pid and the group it leads cannot become somebody else's. Raises
    OSError when it cannot be watched; then it has been ended.
    """
    if not _watch_by_descriptor(process, ended):
        watch_by_thread(process, ended)


def _watch_by_descriptor(process: Popen[bytes], ended: Callable[[], object]) -> bool:
    """The cheap way (pidfd_open(2), Linux 5.3); False where the system does not offer it."""
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # an older kernel, or a sandbox that forbids it
        return False
    loop = asyncio.get_running_loop()

    def readable() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        ended()

    loop.add_reader(descriptor, readable)
    return True


def _await_end(process: Popen[bytes]) -> None:
    """Block until it is over, and leave it to be collected where the system can do that."""
    if sys.platform == "win32":
        process.wait()
    else:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def watch_by_thread(process: Popen[bytes], ended: Callable[[], object]) -> None:
    """The way that works everywhere: a thread that waits.

    Raises BlockingIOError, having ended the process, when there is no room for a thread.
    """
    loop = asyncio.get_running_loop()

    def wait() -> None:
        _await_end(process)
        try:
            loop.call_soon_threadsafe(ended)
        except RuntimeError:  # the loop is closed: nobody wants to know any more
            return

    try:
        threading.Thread(target=wait, name=f"wait for {process.pid}", daemon=True).start()
    except RuntimeError as error:  # the system has no room for a thread
        process.kill()
        _await_end(process)
        ended()
        raise BlockingIOError(errno.EAGAIN, str(error)) from error

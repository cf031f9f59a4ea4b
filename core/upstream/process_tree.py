"""End a child process together with everything it started."""

from __future__ import annotations

import os
import signal
import sys
from enum import Enum


class Force(Enum):
    """How insistently."""

    TERMINATE = "terminate"
    KILL = "kill"


def end_tree(pid: int, force: Force) -> None:
    """Signal the whole tree of a child that we started as the leader of its own group.

    Does nothing when all of it is gone. POSIX: the process group, which grandchildren share
    unless they left it. Windows: the children psutil finds, since there are no groups.
    """
    if sys.platform == "win32":
        _end_tree_windows(pid, force)
        return
    number = signal.SIGTERM if force is Force.TERMINATE else signal.SIGKILL
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # macOS says so of a group of zombies
        return


def _end_tree_windows(pid: int, force: Force) -> None:
    import psutil

    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill() if force is Force.KILL else process.terminate()
        except psutil.NoSuchProcess:
            continue

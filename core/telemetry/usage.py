"""What a server's processes use of memory, processor and descriptors, at the moment of asking."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


ZOMBIE = "zombie"  # psutil's word for it


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process and all it started; pages they share are counted in each.

    ``cpu_seconds`` include what those that ended and were waited for have used.
    """

    resident_bytes: int = 0
    cpu_seconds: float = 0.0
    open_fds: int = 0
    processes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.resident_bytes + other.resident_bytes,
            self.cpu_seconds + other.cpu_seconds,
            self.open_fds + other.open_fds,
            self.processes + other.processes,
        )


def usage(pids: Iterable[int]) -> Mapping[int, Usage]:
    """By pid of a server, which leads a session of its own; those that have ended are left out.

    Looks at every process once, which takes some milliseconds: call it off the event loop, and
    only when somebody asks.
    """
    import psutil

    trees = {pid: Usage() for pid in pids}
    if not trees:
        return {}
    parents = {each.pid: each.info["ppid"] for each in psutil.process_iter(["ppid"])}
    for pid in parents:
        root = _root(pid, parents, trees)
        if root is None:
            continue
        try:
            trees[root] += _of(psutil.Process(pid))
        except psutil.Error:
            continue  # ended meanwhile, or not ours to look at
    return {pid: used for pid, used in trees.items() if used.processes}


def _root(pid: int, parents: Mapping[int, int | None], roots: Mapping[int, Usage]) -> int | None:
    """Whose it is: by its ancestors, or, when one of them has ended, by its session."""
    seen = set()
    at: int | None = pid
    while at is not None and at not in seen:
        if at in roots:
            return at
        seen.add(at)
        at = parents.get(at)
    session = _session(pid)
    return session if session in roots else None


def _session(pid: int) -> int:
    if sys.platform == "win32":
        return 0
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _of(process: psutil.Process) -> Usage:
    with process.oneshot():
        spent = process.cpu_times()
        held = process.num_handles() if sys.platform == "win32" else process.num_fds()
        alive = process.status() != ZOMBIE  # what only waits to be collected has time and no more
        return Usage(process.memory_info().rss, sum(spent[:4]), held, int(alive))

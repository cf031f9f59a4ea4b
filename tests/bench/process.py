"""What the system knows of a process (Linux, proc(5)), and which core it runs on."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def cpu_seconds(pid: int) -> float:
    """CPU time that the threads of a process have used so far."""
    used = 0
    for task in (PROC / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError):
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def wakeups(pid: int) -> int:
    """How often the threads of a process have gone to sleep by themselves, and so were woken."""
    return sum(
        int(_fields(task / "status")["voluntary_ctxt_switches"])
        for task in (PROC / str(pid) / "task").iterdir()
    )


def memory(pid: int) -> tuple[float, float]:
    """Resident and proportional set size in MB; the latter shares what others also map."""
    found = _fields(PROC / str(pid) / "smaps_rollup")
    return _megabytes(found["Rss"]), _megabytes(found["Pss"])


def children(pid: int) -> list[int]:
    """The processes that one has started and that still run."""
    found: list[int] = []
    for task in (PROC / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError):
            found += map(int, (task / "children").read_text().split())
    return found


def pin(pid: int, core: int) -> None:
    """Keep every thread of a process on one core, so that a rival's load counts the same."""
    if core >= (os.cpu_count() or 1):
        return
    for task in (PROC / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def _fields(file: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def _megabytes(text: str) -> float:
    return int(text.removesuffix(" kB")) * 1024 / 1e6

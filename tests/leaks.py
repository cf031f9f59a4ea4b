"""Finds what a test left behind: threads, processes (orphans included) and file descriptors."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36
OPEN_FILES = Path("/proc/self/fd")


def alive(pid: int) -> bool:
    """Whether a process still runs; one that ended but was not collected (a zombie) does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def adopt_orphans(wanted: bool) -> None:
    """Become, or stop being, the parent of orphaned descendants, where the system can do it.

    Without it a grandchild whose parent was killed moves to another parent and is lost to view
    (Linux, prctl(2), PR_SET_CHILD_SUBREAPER).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Traces:
    """What this process holds at one moment."""

    threads: frozenset[threading.Thread]
    processes: frozenset[psutil.Process]
    files: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> Traces:
        gc.collect()
        descendants = psutil.Process().children(recursive=True)
        return cls(
            threads=frozenset(threading.enumerate()),
            processes=frozenset(one for one in descendants if alive(one.pid)),
            files=frozenset(_open_files()),
        )

    def left_since(self, patience: float = 15.0) -> list[str]:
        """What is here now and was not then, in words; ends the processes among it.

        A thread or process that is just ending is given ``patience`` seconds to do so.
        """
        current = Traces.now()
        threads = current.threads - self.threads
        for thread in threads:
            thread.join(patience)
        _, staying = psutil.wait_procs(current.processes - self.processes, timeout=patience)
        words = [f"thread {thread.name}" for thread in threads if thread.is_alive()]
        for process in staying:
            if alive(process.pid):
                words.append(f"process {process.pid} {_command(process)}")
                process.kill()
        files = Traces.now().files - self.files
        words += [f"file descriptor {number} of {target}" for number, target in sorted(files)]
        return words


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "(gone)"


def _open_files() -> list[tuple[int, str]]:
    if not OPEN_FILES.is_dir():  # macOS and Windows: no portable way to name them
        return []
    found = []
    for entry in OPEN_FILES.iterdir():
        try:
            found.append((int(entry.name), str(entry.readlink())))
        except FileNotFoundError:  # the descriptor that listed the directory
            continue
    return found

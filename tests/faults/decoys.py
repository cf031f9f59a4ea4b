"""Processes that look like the program's own and are not: whoever kills one has killed a stranger.

Run as ``python -m tests.faults.decoys PID`` it becomes the parent of a process with exactly that
pid, which leads a group and a session of that number (Linux, clone3(2) ``set_tid``; needs root).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from typing import Self

from tests.fakes import faultsrv
from tests.faults.invariants import OWNER
from tests.leaks import alive
from tests.program import ROOT

CLONE3 = 435  # the same on all architectures that have it
WORDS = 11  # of struct clone_args up to set_tid_size and cgroup
EXIT_SIGNAL, SET_TID, SET_TID_SIZE = 4, 8, 9


class Decoys:
    """Strangers that must be alive at the end; ``killed`` tells who is not."""

    def __init__(self) -> None:
        self._strangers: dict[int, tuple[str, asyncio.subprocess.Process]] = {}

    async def lookalike(self, why: str, environ: Mapping[str, str]) -> None:
        """A server started as the program would, by somebody else."""
        process = await asyncio.create_subprocess_exec(
            *faultsrv.command("ok"),
            env={"PATH": os.environ["PATH"], **environ},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._strangers[process.pid] = (why, process)

    async def with_pid(self, pid: int) -> None:
        """A stranger that was given the pid of a server that has ended."""
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.decoys", str(pid)),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert parent.stdout is not None
        if await parent.stdout.readline() == b"made\n":
            self._strangers[pid] = ("has the pid a server had", parent)
        else:
            await parent.communicate(b"")

    @classmethod
    async def usual(cls) -> Self:
        """One with no mark, one with somebody else's, one whose mark begins like none of ours."""
        decoys = cls()
        await decoys.lookalike("has no mark", {})
        await decoys.lookalike("has another's mark", {OWNER: "0123456789abcdef" * 2 + ".1"})
        await decoys.lookalike("has an empty mark", {OWNER: ""})
        return decoys

    def killed(self) -> list[str]:
        return [
            f"{pid}, which {why}" for pid, (why, _) in self._strangers.items() if not alive(pid)
        ]

    def count(self) -> int:
        return len(self._strangers)

    async def end(self) -> None:
        for _, process in self._strangers.values():
            await process.communicate(b"")  # the end of its input ends it


def become_parent_of(pid: int) -> bool:
    """Start a process with this pid; False if it is taken or not ours to give."""
    wanted = (ctypes.c_int * 1)(pid)
    args = (ctypes.c_uint64 * WORDS)()
    args[EXIT_SIGNAL] = signal.SIGCHLD
    args[SET_TID] = ctypes.addressof(wanted)
    args[SET_TID_SIZE] = 1
    made = ctypes.CDLL(None).syscall(CLONE3, args, ctypes.sizeof(args))
    if made == 0:
        os.setsid()
        os.execv("/bin/sleep", ["sleep", "600"])
    return bool(made == pid)


def main() -> None:
    pid = int(sys.argv[1])
    if not become_parent_of(pid):
        sys.stdout.write("not made\n")
        return
    while os.getsid(pid) != pid:
        os.sched_yield()
    sys.stdout.write("made\n")
    sys.stdout.flush()
    sys.stdin.read()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

"""Processes that look like the program's own and are not: whoever kills one killed a stranger."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.fakes import faultsrv
from tests.faults.invariants import OWNER
from tests.leaks import alive

PID_TAKER = Path(__file__).with_name("pid_taker.py")


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
            *(sys.executable, "-I", "-S", str(PID_TAKER), str(pid)),
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

"""F60: killed, or failed by the system, at every system call of a write of the config file."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.config.jsonc import parse
from tests.faults import storage, write_once
from tests.program import ROOT, START_LIMIT, Home, program

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("nothing_left")]

OLD = '{\n  // mine\n  "api_key": "k",\n  "mcpServers": {"one": {"command": "a"}}\n}\n'
NEW = OLD.replace('"a"}', '"a", "enabled": false}')
EVERYTHING = "%file,%desc"
CHANGING = "openat,write,fsync,chmod,fchmod,chown,fchown,rename,renameat,unlink,close"
NEVER = "error=EIO:when=65535"
CALL = re.compile(r"(\d+) +(\w+)\(")

OF_CHANCE = {"mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex"}
"""Calls for memory and locks, which have nothing to do with the file and vary in number."""


class Writer:
    """Writes the file whenever it is told to, and is struck while it does."""

    def __init__(self, process: asyncio.subprocess.Process, record: Path) -> None:
        self._process = process
        self._record = record

    async def write(self, what: str, calls: str, blow: str) -> int:
        """Have it written while strace strikes as its ``inject`` says; the writer's exit code."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        pid = int(await self._line())
        async with storage.struck(pid, calls, blow, record=str(self._record)):
            os.kill(pid, signal.SIGUSR1)
            return int(await self._line())

    async def calls(self, what: str, calls: str) -> list[tuple[str, int]]:
        """The system calls of a write in their order, each with its number among its like.

        That is how strace counts; only those of the thread that writes.
        """
        assert await self.write(what, calls, NEVER) == 0
        found = CALL.findall(self._record.read_text())
        threads = Counter(thread for thread, _ in found)
        names = [name for thread, name in found if thread == threads.most_common(1)[0][0]]
        return [
            (name, names[: at + 1].count(name))
            for at, name in enumerate(names)
            if name not in OF_CHANCE
        ]

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await asyncio.wait_for(self._process.stdout.readline(), START_LIMIT)


@asynccontextmanager
async def writer(file: Path) -> AsyncIterator[Writer]:
    storage.needs_strace()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, write_once.__file__, str(file)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Writer(process, file.parent / "calls")
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.communicate(), START_LIMIT)


def leftovers(file: Path) -> list[Path]:
    """Temporary files beside the file."""
    return [path for path in file.parent.iterdir() if path.name.endswith(".tmp")]


async def test_f60_killed_at_any_system_call_the_file_is_old_or_new_and_nothing_stays(
    home: Home,
) -> None:
    """Whole, with its permissions, and from some call on the new one; what the killed writes
    left behind is gone after the next start."""
    file = home.config_file
    file.write_text(OLD)
    contents: list[str] = []
    async with writer(file) as writing:
        calls = await writing.calls("switch", EVERYTHING)
        for name, number in calls:
            file.write_text(OLD)
            file.chmod(0o640)
            code = await writing.write("switch", name, f"signal=KILL:when={number}")
            assert code == -signal.SIGKILL, (name, number)
            contents.append(file.read_text())
            assert contents[-1] in {OLD, NEW}, (name, number)
            assert stat.S_IMODE(file.stat().st_mode) == 0o640, (name, number)
    assert contents == sorted(contents, key=lambda content: content == NEW)
    assert (contents[0], contents[-1]) == (OLD, NEW)
    left = leftovers(file)
    assert left
    for path in left:
        os.utime(path, (1, 1))
    home.configure({})
    async with program(home):
        assert leftovers(file) == []


async def test_f60_a_first_file_is_there_as_a_whole_or_not_at_all(home: Home) -> None:
    """Killed at any call, the first start never leaves a file that the second could not use."""
    file = home.config_file
    seen: list[bool] = []
    async with writer(file) as writing:
        for name, number in await writing.calls("create", EVERYTHING):
            for path in (file, *leftovers(file)):
                path.unlink(missing_ok=True)
            code = await writing.write("create", name, f"signal=KILL:when={number}")
            assert code == -signal.SIGKILL, (name, number)
            seen.append(file.exists())
            if file.exists():
                document = parse(file.read_text())
                assert len(document.root.value["api_key"]) == 64
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (seen[0], seen[-1]) == (False, True)
    assert seen == sorted(seen)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
async def test_f60_failed_at_any_system_call_the_file_is_old_or_new_and_it_is_told(
    home: Home, error: str
) -> None:
    """Whoever is told that it worked finds the new file, and the temporary file goes."""
    file = home.config_file
    file.write_text(OLD)
    outcomes: Counter[int] = Counter()
    async with writer(file) as writing:
        for name, number in await writing.calls("switch", CHANGING):
            file.write_text(OLD)
            code = await writing.write("switch", name, f"error={error}:when={number}")
            assert code in {0, write_once.REFUSED}, (name, number)
            assert file.read_text() in ({NEW} if code == 0 else {OLD, NEW}), (name, number)
            outcomes[code] += 1
            # Only where removing it is what failed may the temporary file stay.
            assert leftovers(file) == [] or name == "unlink", (name, number)
            for path in leftovers(file):
                path.unlink()
    assert outcomes[write_once.REFUSED] > outcomes[0] > 0

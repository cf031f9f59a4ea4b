"""Homes on disks that are full or read-only, and the system's errors on request; Linux only.

The disks are mounts that only the program sees (a mount namespace), so that nothing is left of
them when it has ended, and a program that fills one harms nobody.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.program import PROGRAM, START_LIMIT, Home

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")

SMALL = """\
set -e
text=$(cat "$0/mcp_config.json" 2>/dev/null || true)
mount -t tmpfs -o size=8m,mode=700 tmpfs "$0"
[ -z "$text" ] || printf '%s\\n' "$text" >"$0/mcp_config.json"
"""
FILLED = """\
cat /dev/zero >"$0/filler" 2>/dev/null || true
"""
READ_ONLY = """\
set -e
mkdir -p "$0/data/logs"
mount --bind "$0" "$0"
mount --bind "$0/data" "$0/data"
mount --bind "$0/data/logs" "$0/data/logs"
mount -o remount,bind,ro "$0"
"""


@dataclass(slots=True)
class DiskHome(Home):
    """A home on mounts of its own, which ``script`` makes; ``$0`` is its directory."""

    script: str = ""
    hidden: bool = False  # whether the mounts cover what is in the directory
    pid: int | None = None  # the program's, once it runs

    @property
    def prefix(self) -> Sequence[str]:
        return (*NAMESPACE, "sh", "-c", f'{self.script}exec "$@"', str(self.directory))

    @property
    def seen(self) -> Path:
        """The home as the program sees it."""
        if self.pid is None or not self.hidden:
            return self.directory
        return Path(f"/proc/{self.pid}/root{self.directory}")

    def write(self, text: str) -> None:
        draft = self.seen / "draft"
        draft.write_text(text)
        draft.replace(self.seen / self.config_file.name)

    def read(self) -> str:
        """What the config file says."""
        return (self.seen / self.config_file.name).read_text()

    def mount_again(self, directory: str, option: str) -> None:
        """Make a directory read-only (``ro``) or writable (``rw``) while the program runs."""
        inside = ("nsenter", "-t", str(self.pid), "--user", "--mount", "--preserve-credentials")
        options = f"remount,bind,{option}"
        subprocess.run(
            [*inside, "mount", "-o", options, str(self.directory / directory)], check=True
        )

    async def try_to_start(self) -> tuple[int | None, str]:
        """Start the program where it should not get far: its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            *PROGRAM,
            "serve",
            *self.flags,
            env=self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), START_LIMIT)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, said.decode()


def fill(file: Path) -> None:
    """Take every byte that is left on a file's disk."""
    with file.open("wb", buffering=0) as filler:
        for size in (4096, 1):
            try:
                while filler.write(b"\0" * size):
                    pass
            except OSError:
                continue


def needs_namespaces() -> None:
    """Skip where a program cannot be given mounts of its own."""
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/proc/self/fdinfo"]
    probe[-1] = "/tmp"
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program unshare here to give the program mounts of its own")
    if done.returncode != 0:
        pytest.skip(f"the program cannot be given mounts of its own here: {done.stderr.strip()}")


def needs_strace() -> str:
    """The program strace; skips where it is missing or may not trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("there is no program strace here to make system calls fail")
    done = subprocess.run(
        [strace, "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    return strace


@asynccontextmanager
async def struck(
    pid: int, calls: str, blow: str, path: Path | None = None, record: str = os.devnull
) -> AsyncIterator[None]:
    """While inside, a process's system calls (on that path) are struck as strace's inject says.

    ``record`` is the file for what strace tells of the calls.
    """
    tracer = await asyncio.create_subprocess_exec(
        needs_strace(),
        *("-f", "-o", record, "-e", f"trace={calls}", "-e", f"inject={calls}:{blow}"),
        *(("-P", str(path)) if path is not None else ()),
        *("-p", str(pid)),
        stderr=asyncio.subprocess.PIPE,
    )
    assert tracer.stderr is not None
    try:
        said = b"Requested path"
        while b"Requested path" in said:
            said = await asyncio.wait_for(tracer.stderr.readline(), START_LIMIT)
        assert b"attached" in said, said
        yield
    finally:
        if tracer.returncode is None:
            with suppress(ProcessLookupError):
                tracer.send_signal(signal.SIGINT)  # it lets go of the process
        await tracer.communicate()

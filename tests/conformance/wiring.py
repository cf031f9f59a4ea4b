"""What the suite is pointed at: the reference server itself, or us in front of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.program import ROOT, Home, Json, program

REFERENCE = ("-m", "tests.fakes.reference_server")
NAME = "reference"
START_LIMIT = 60.0

Wiring = Callable[[Path], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def reference_over_http(*more: str) -> AsyncIterator[str]:
    """The reference server on a port of its own; its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *REFERENCE,
        "http",
        *more,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_LIMIT)
        assert line.startswith(b"http://"), f"the reference server did not start: {line!r}"
        yield line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def direct(_: Path) -> AsyncIterator[str]:
    """Nothing in between: what the reference server itself scores."""
    async with reference_over_http() as url:
        yield url


@asynccontextmanager
async def in_front_of(entry: Json, directory: Path) -> AsyncIterator[str]:
    """Us in front of one server, as a client sees us: its own page, nothing renamed."""
    home = Home(directory)
    # The reference server's tools change while it is looked at; nobody is there to approve them.
    home.configure({NAME: entry}, quarantine_enabled=False)
    async with program(home) as running:
        await running.ready(NAME)
        yield f"{running.endpoint}/s/{NAME}"


@asynccontextmanager
async def through_us_over_stdio(directory: Path, *more: str) -> AsyncIterator[str]:
    """Us in front of the reference server as a child process."""
    entry = {
        "command": sys.executable,
        "args": [*REFERENCE, "stdio", *more],
        "working_dir": str(ROOT),
        "env": {"PYTHONPATH": str(ROOT)},
    }
    async with in_front_of(entry, directory) as url:
        yield url


@asynccontextmanager
async def through_us_over_http(directory: Path, *more: str) -> AsyncIterator[str]:
    """Us in front of the reference server behind a URL."""
    async with (
        reference_over_http(*more) as upstream,
        in_front_of({"url": upstream}, directory) as url,
    ):
        yield url


@asynccontextmanager
async def through_us_to_the_older_era(directory: Path) -> AsyncIterator[str]:
    """Us in front of the reference server as it would be if 2026-07-28 had never come."""
    async with through_us_over_http(directory, "--stateful") as url:
        yield url


WIRINGS: dict[str, Wiring] = {
    "direct": direct,
    "through us, stdio upstream": through_us_over_stdio,
    "through us, HTTP upstream": through_us_over_http,
    "through us, older upstream": through_us_to_the_older_era,
}

"""What is measured, started with the benchmarks' own servers: the program, and the floor."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.passthrough import ECHO
from tests.bench.process import pin
from tests.program import ROOT, Home, RunningProgram, program

GATEWAY_CORE = 0
OTHER_CORE = 1  # of the load and of the servers

START_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Passthrough:
    """The bare passthrough, running."""

    pid: int
    port: int
    servers: tuple[int, ...]  # their pids


def server_name(number: int) -> str:
    return f"echo{number}"


def configure(home: Home, servers: int) -> None:
    """A config file that names so many echo servers."""
    entry = {"command": ECHO[0], "args": ECHO[1:], "env": {"PYTHONPATH": str(ROOT)}}
    home.configure({server_name(number): entry for number in range(servers)})


@asynccontextmanager
async def home_of_its_own() -> AsyncIterator[Home]:
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        # One level down: the program watches the directory above too, and in the directory of
        # everybody's temporary files there is always something going on.
        home = Path(directory) / "home"
        home.mkdir()
        yield Home(home)


@asynccontextmanager
async def running(servers: int) -> AsyncIterator[RunningProgram]:
    """The real program with so many servers, all of them ready."""
    async with home_of_its_own() as home:
        configure(home, servers)
        async with program(home) as started:
            await started.ready()
            yield started


@asynccontextmanager
async def bare(servers: int) -> AsyncIterator[Passthrough]:
    """The bare passthrough with so many servers."""
    process = await asyncio.create_subprocess_exec(
        ECHO[0],
        "-m",
        "tests.bench.passthrough",
        str(servers),
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_LIMIT)
        port, *pids = map(int, line.split())
        yield Passthrough(process.pid, port, tuple(pids))
    finally:
        process.kill()
        await process.wait()
        await process.stdout.read()


async def pin_program(one: RunningProgram) -> None:
    """The engine on the core of gateways, its servers on the other."""
    pin(one.process.pid, GATEWAY_CORE)
    for entry in (await one.get("/api/v1/servers"))["servers"]:
        pin(entry["pid"], OTHER_CORE)


def pin_bare(one: Passthrough) -> None:
    pin(one.pid, GATEWAY_CORE)
    for pid in one.servers:
        pin(pid, OTHER_CORE)


def environment() -> dict[str, str]:
    """For a program of ours that is started directly: nothing of the person's settings for Python.

    One that forbids to keep compiled modules, for example, would make every start a first one.
    """
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

"""What is measured, started with the benchmarks' own servers: the program, and the floors."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.passthrough import ECHO
from tests.bench.process import pin
from tests.program import ROOT, Home, Json, RunningProgram, program

GATEWAY_CORE = 0
OTHER_CORE = 1  # of the load and of the servers
REMOTE = "web"  # what the server by URL is called

START_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A program of the benchmarks' own, running; ``servers`` are its children's pids."""

    pid: int
    port: int
    servers: tuple[int, ...]

    def pin(self) -> None:
        """A gateway on the core of gateways, its servers on the other."""
        pin(self.pid, GATEWAY_CORE)
        for pid in self.servers:
            pin(pid, OTHER_CORE)


def server_name(number: int) -> str:
    return f"echo{number}"


def echo_entry(more_tools: int = 0) -> Json:
    """The config file's entry of an echo server; ``more_tools`` as it takes them."""
    args = [*ECHO[1:], str(more_tools)]
    return {"command": ECHO[0], "args": args, "env": {"PYTHONPATH": str(ROOT)}}


def configure(
    home: Home, servers: int, more_tools: int = 0, others: Mapping[str, Json] | None = None
) -> None:
    """A config file that names so many echo servers; results are not cut."""
    entry = echo_entry(more_tools)
    entries = {server_name(number): entry for number in range(servers)}
    home.configure({**entries, **(others or {})}, tool_response_limit=0)


@dataclass(slots=True)
class PrefixedHome(Home):
    """A home whose program is started by another command."""

    under: Sequence[str] = ()

    @property
    def prefix(self) -> Sequence[str]:
        return self.under


@asynccontextmanager
async def home_of_its_own(under: Sequence[str] = ()) -> AsyncIterator[Home]:
    """``under``: a command that the program is started by."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        # One level down: the program watches the directory above too, and in the directory of
        # everybody's temporary files there is always something going on.
        home = Path(directory) / "home"
        home.mkdir()
        yield PrefixedHome(home, under)


@asynccontextmanager
async def running(
    servers: int, more_tools: int = 0, remote: int | None = None, under: Sequence[str] = ()
) -> AsyncIterator[RunningProgram]:
    """The real program with so many servers, all of them ready.

    ``remote`` is the port of one more that is reached by URL, ``under`` a command to start it by.
    """
    others = {} if remote is None else {REMOTE: {"url": f"http://127.0.0.1:{remote}/mcp"}}
    async with home_of_its_own(under) as home:
        configure(home, servers, more_tools, others)
        async with program(home) as started:
            await started.ready()
            yield started


def bare(servers: int, under: Sequence[str] = ()) -> AbstractAsyncContextManager[Part]:
    """The bare passthrough to pipes, with so many servers."""
    return part("passthrough", servers, under=under)


def bare_http(server: int, under: Sequence[str] = ()) -> AbstractAsyncContextManager[Part]:
    """The bare passthrough to the server at that port."""
    return part("passthrough_http", server, under=under)


def echo_http() -> AbstractAsyncContextManager[Part]:
    """The echo server by URL."""
    return part("echo_http")


@asynccontextmanager
async def part(module: str, *arguments: int, under: Sequence[str] = ()) -> AsyncIterator[Part]:
    """A module here that prints its port and its children's pids once it answers."""
    process = await asyncio.create_subprocess_exec(
        *under,
        ECHO[0],
        "-m",
        f"tests.bench.{module}",
        *map(str, arguments),
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_LIMIT)
        port, *pids = map(int, line.split())
        yield Part(process.pid, port, tuple(pids))
    finally:
        process.kill()
        await process.wait()
        await process.stdout.read()


async def pin_program(one: RunningProgram) -> None:
    """The engine on the core of gateways, its servers on the other."""
    servers = (await one.get("/api/v1/servers"))["servers"]
    pids = tuple(entry["pid"] for entry in servers if entry.get("pid"))
    Part(one.process.pid, 0, pids).pin()


def environment() -> dict[str, str]:
    """For a program of ours that is started directly: nothing of the person's settings for Python.

    One that forbids to keep compiled modules, for example, would make every start a first one.
    """
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

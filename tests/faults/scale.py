"""Very many servers: ``python -m tests.faults.scale --real 200 --fake 800`` (F29, R5).

Real ones are processes; fake ones exist only inside the program (see ``mixed``). Reports when
the endpoint answered, when all were ready, what rest costs, how quickly the list of servers is
told, and how long stopping took.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.process import cpu_seconds, memory
from tests.faults.invariants import carriers, eventually
from tests.faults.mixed import FAKE
from tests.faults.scene import GONE, Json, entry
from tests.faults.watch import new_client
from tests.program import KEY, PROGRAM, Home, RunningProgram

LISTINGS = 100
ALL_READY = 300.0  # seconds until the attempt is given up


class MixedHome(Home):
    """A home in which the program has made-up servers too."""

    @property
    def prefix(self) -> Sequence[str]:
        return (sys.executable, "-m", "tests.faults.mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Seconds, megabytes and percent of one core, with what they may be at most."""

    real: int
    fake: int
    answers: float
    ready: float
    middle: float
    slowest: float
    idle_cpu: float
    own_memory: float
    all_memory: float
    stop: float
    left: int

    def rows(self) -> list[tuple[str, float, str, float | None]]:
        return [
            ("endpoint answers after", self.answers, "s", 3.0),
            ("all ready after", self.ready, "s", 60.0),
            ("list of servers told in (median)", self.middle * 1000, "ms", None),
            ("list of servers told in (99 of 100)", self.slowest * 1000, "ms", 100.0),
            ("CPU at rest", self.idle_cpu, "% of a core", 2.0),
            ("memory of the program", self.own_memory, "MB", 250.0),
            ("memory with its servers (proportional)", self.all_memory, "MB", None),
            ("stopped after", self.stop, "s", 20.0),
            ("processes left", self.left, "", 0.0),
        ]

    def missed(self) -> list[str]:
        return [what for what, value, _, most in self.rows() if most is not None and value > most]

    def __str__(self) -> str:
        lines = [f"{self.real} real and {self.fake} fake servers"]
        for what, value, unit, most in self.rows():
            limit = "" if most is None else f"(at most {most:g})"
            lines.append(f"  {what:40}{value:8.1f} {unit:12}{limit}")
        return "\n".join(lines)


async def measure(home: Home, real: int, fake: int, watch: float) -> Figures:
    """``watch`` is for how many seconds the rest is watched."""
    servers = {f"real-{number:04}": entry() for number in range(real)}
    servers |= {f"{FAKE}{number:04}": entry() for number in range(fake)}
    home.configure(servers)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *home.prefix,
        *(*PROGRAM, "serve", *home.flags),
        env=home.environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        answers = time.monotonic() - began
        running = RunningProgram(home, process, line.split()[-1])
        async with asyncio.timeout(ALL_READY), running.http:
            async for world in running.events():
                if _all_ready(world, real + fake):
                    break
            ready = time.monotonic() - began
            middle, slowest = await _listing(running)
        await asyncio.sleep(watch / 2)  # what follows a start is over
        used = cpu_seconds(process.pid)
        await asyncio.sleep(watch)
        idle_cpu = 100 * (cpu_seconds(process.pid) - used) / watch
        own, shared = memory(process.pid)
        mark = (home.directory / "data" / "owner").read_text().strip()
        everything = shared + sum(memory(found.pid)[1] for found in carriers(mark))
        ending = time.monotonic()
        process.terminate()
        await process.wait()
        stop = time.monotonic() - ending
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    left = await eventually(lambda: [str(found) for found in carriers(mark)], GONE)
    return Figures(
        real=real,
        fake=fake,
        answers=answers,
        ready=ready,
        middle=middle,
        slowest=slowest,
        idle_cpu=idle_cpu,
        own_memory=own,
        all_memory=everything,
        stop=stop,
        left=len(left),
    )


def _all_ready(world: Json, count: int) -> bool:
    servers = world["servers"].values()
    return len(servers) == count and all(server["status"] == "ready" for server in servers)


async def _listing(running: RunningProgram) -> tuple[float, float]:
    """The median and the slowest of 99 in 100."""
    took = []
    async with new_client(running.base, KEY) as http:
        for _ in range(LISTINGS):
            began = time.perf_counter()
            answer = await http.get("/api/v1/servers")
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200
    took.sort()
    return took[LISTINGS // 2], took[LISTINGS * 99 // 100 - 1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scale", description=__doc__)
    parser.add_argument("--real", type=int, default=200)
    parser.add_argument("--fake", type=int, default=800)
    parser.add_argument("--watch", type=float, default=10.0, help="seconds of rest that count")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        home = MixedHome(Path(directory))
        figures = asyncio.run(measure(home, asked.real, asked.fake, asked.watch))
    missed = figures.missed()
    sys.stdout.write("\n".join([str(figures), *(f"missed: {what}" for what in missed)]) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

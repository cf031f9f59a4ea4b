"""Random faults for as long as wished: ``python -m tests.faults.soak [pairs|rounds] …``.

``soak --minutes N --seed S`` does a random fault every second to a program under load and
reports memory, descriptors, threads and tasks. ``soak pairs --count N --seed S`` does two at a
time and sees all become well again. ``soak rounds --count N`` starts and ends the program over
and over and counts what survives it (see ``rounds``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import rounds
from tests.faults.harm import HARMS, VICTIMS, Ground, victims
from tests.faults.invariants import Footprint
from tests.faults.scene import Scene, scene
from tests.program import Home

CLIENTS = 4
ASK_EVERY = 0.02  # seconds between two calls of one client
HARM_EVERY = 1.0  # seconds, on average
MEASURED_PARTS = 10
PUT_AWAY = 25.0  # seconds for what the harm began: a call waits up to 20 s for its server
MOST_GROWTH = 16.0  # MB between the first and the last measurement after warming up


@dataclass(frozen=True, slots=True)
class Sample:
    """The program at rest at one moment; memory in MB, time in seconds."""

    at: float
    memory: float
    footprint: Footprint


@dataclass(slots=True)
class Report:
    """What came of a soak."""

    seed: int
    seconds: float = 0.0
    harms: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    slowest: float = 0.0  # seconds, of 99 in 100 looks at the bystander

    def problems(self) -> list[str]:
        """What did not stay as it was."""
        if len(self.samples) < 2:
            return ["too short to measure anything"]
        first, last = self.samples[0], self.samples[-1]
        found = last.footprint.beyond(first.footprint, spare_threads=4)
        grown = last.memory - self.samples[len(self.samples) // 3].memory
        if grown > MOST_GROWTH:
            found.append(f"memory grew by {grown:.1f} MB after warming up")
        return found

    def slope(self) -> float:
        """MB an hour, by least squares over the samples after the first third."""
        late = self.samples[len(self.samples) // 3 :]
        middle = sum(sample.at for sample in late) / len(late)
        mean = sum(sample.memory for sample in late) / len(late)
        over = sum((sample.at - middle) ** 2 for sample in late)
        up = sum((sample.at - middle) * (sample.memory - mean) for sample in late)
        return 3600 * up / over if over else 0.0

    def __str__(self) -> str:
        lines = [
            f"soak of {self.seconds:.0f} s, seed {self.seed}: {self.harms.total()} faults of "
            f"{len(self.harms)} kinds (of {len(HARMS)})",
            "  " + ", ".join(f"{name} {count}" for name, count in sorted(self.harms.items())),
            f"calls: {self.asked} asked, {self.answered} answered, {sum(self.failed.values())} "
            "failed with one error each, 0 lost, doubled or misrouted",
            *(f"  {count} x {why}…" for why, count in sorted(self.failed.items())),
            f"bystander: {self.looks} looks, 99 of 100 within {self.slowest * 1000:.0f} ms",
            f"{'':12}{'first':>8}{'last':>8}{'most':>8}",
        ]
        series = {
            "memory MB": [sample.memory for sample in self.samples],
            **{
                what: [float(getattr(sample.footprint, what)) for sample in self.samples]
                for what in ("files", "threads", "tasks", "children")
            },
        }
        for what, values in series.items():
            lines.append(f"{what:12}{values[0]:8.1f}{values[-1]:8.1f}{max(values):8.1f}")
        course = " ".join(f"{sample.memory:.0f}" for sample in self.samples)
        lines.append(f"memory in its course: {course} MB")
        lines.append(f"memory after the first third: {self.slope():+.1f} MB/h")
        return "\n".join(lines)


async def soak(home: Home, seconds: float, seed: int, every: float = HARM_EVERY) -> Report:
    """Raises AssertionError or TimeoutError when an invariant does not hold."""
    report = Report(seed)
    async with scene(home, victims()) as play:
        ground = Ground(play, seed)
        await play.ready()
        began = time.monotonic()
        report.samples.append(await _sample(play, began))
        for part in range(1, MEASURED_PARTS + 1):
            async with _load(play, seed * 1000 + part):
                await _harm_until(ground, began + seconds * part / MEASURED_PARTS, every, report)
                await ground.heal()
            await play.check()
            report.samples.append(await _sample(play, began, report.samples[0].footprint))
        report.seconds = time.monotonic() - began
        ledger, took = play.ledger, sorted(play.canary.took)
        report.asked, report.answered, report.failed = ledger.asked, ledger.answered, ledger.failed
        report.looks, report.slowest = len(took), took[len(took) * 99 // 100]
    return report


async def _harm_until(ground: Ground, end: float, every: float, report: Report) -> None:
    async with asyncio.TaskGroup() as doing:
        while (left := end - time.monotonic()) > 0:
            name = ground.rng.choice(sorted(HARMS))
            report.harms[name] += 1
            doing.create_task(_do(ground, name))
            await asyncio.sleep(min(left, ground.rng.expovariate(1 / every)))


async def _do(ground: Ground, name: str) -> None:
    await HARMS[name](ground)


@asynccontextmanager
async def _load(play: Scene, seed: int) -> AsyncIterator[None]:
    """Clients that call all the time."""
    clients = [
        asyncio.create_task(_ask(play, random.Random(seed * CLIENTS + number)))
        for number in range(CLIENTS)
    ]
    try:
        yield
    finally:
        for client in clients:
            client.cancel()
        await asyncio.wait(clients)
    for client in clients:
        if not client.cancelled():
            client.result()


async def _ask(play: Scene, rng: random.Random) -> None:
    """A client that comes, asks for a while, and goes."""
    paths = ["/mcp", *(f"/mcp/s/{name}" for name in VICTIMS)]
    while True:
        path = rng.choice(paths)
        tool = "echo" if path != "/mcp" else f"{rng.choice(sorted(VICTIMS))}:echo"
        async with play.ledger.visit(path) as client:
            for _ in range(rng.randint(1, 50)):
                await play.ledger.call(client, tool)
                await asyncio.sleep(ASK_EVERY)


async def _sample(play: Scene, began: float, before: Footprint | None = None) -> Sample:
    """Measured once what just ended has been put away, which takes a moment."""
    footprint = await play.footprint()
    deadline = time.monotonic() + PUT_AWAY
    while before and footprint.beyond(before) and time.monotonic() < deadline:
        footprint = await play.footprint()
    pages = int((Path("/proc") / str(play.pid) / "statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGESIZE") / 1e6
    return Sample(time.monotonic() - began, memory, footprint)


async def pairs(home: Home, count: int, seed: int) -> list[str]:
    """Do random pairs of faults, each followed by a full recovery; the pairs that were done.

    Raises AssertionError or TimeoutError, naming the pair, when an invariant does not hold.
    """
    done = []
    async with scene(home, victims()) as play:
        ground = Ground(play, seed)
        await play.ready()
        for number in range(1, count + 1):
            one, other = ground.rng.sample(sorted(HARMS), 2)
            pair = f"{one} + {other}"
            try:
                await asyncio.gather(_do(ground, one), _do(ground, other))
                await ground.heal()
                await play.check()
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"pair {number} of seed {seed}, {pair}: {error}") from error
            done.append(pair)
    return done


def _show(tally: rounds.Tally) -> None:
    """So that a run of hours is not a run in the dark."""
    if tally.rounds.total() % 10 == 0:
        sys.stderr.write(f"{tally}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    kinds = ("soak", "pairs", "rounds")
    parser.add_argument("kind", nargs="?", choices=kinds, default=kinds[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="for soak")
    parser.add_argument("--every", type=float, default=HARM_EVERY, help="seconds between faults")
    parser.add_argument("--count", type=int, default=20, help="for pairs and rounds")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory))
        match asked.kind:
            case "soak":
                report = asyncio.run(soak(home, asked.minutes * 60, asked.seed, asked.every))
                problems = report.problems()
                said = [str(report), *problems]
            case "pairs":
                done = asyncio.run(pairs(home, asked.count, asked.seed))
                problems = []
                said = [f"pairs {len(done)}/{asked.count}, seed {asked.seed}", *sorted(set(done))]
            case _:
                playing = rounds.play(home.directory, asked.count, asked.seed, _show)
                tally = asyncio.run(playing)
                problems = tally.problems()
                said = [str(tally), *problems]
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Start the program, end it one way or another, and count who survived: nobody may (F19, F63).

A round has servers with grandchildren of three kinds (in the group, in a session of their own,
daemons), of which one server is killed beforehand, and decoys that nobody may touch. Then:

quit      SIGTERM to the program
kill      SIGKILL to the program
reload    all servers are taken out of the config file
crash     SIGKILL to every server; what they leave must be gone before they are ready again
both      SIGKILL to the program and to what cleans up after it; the next start has to do it
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.decoys import Decoys
from tests.faults.invariants import eventually, reapers
from tests.faults.scene import CANARY, GONE, Json, Stage, entry
from tests.leaks import alive
from tests.program import Home, RunningProgram, program

VICTIM = "victim"
FAMILIES = ("group", "setsid", "daemon")


@dataclass(slots=True)
class Tally:
    """What came of all rounds."""

    wanted: int
    seed: int
    rounds: Counter[str] = field(default_factory=Counter)
    started: int = 0  # servers and grandchildren
    survivors: list[str] = field(default_factory=list)
    decoys: int = 0
    reused: int = 0  # decoys with the pid of a server that had ended
    strangers: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        found = [*self.survivors, *self.strangers]
        if self.rounds.total() != self.wanted:
            found.append("not all rounds were played")
        return found

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.rounds.items()))
        return (
            f"rounds {self.rounds.total()}/{self.wanted}, seed {self.seed} ({kinds})\n"
            f"survivors: {len(self.survivors)} of {self.started} processes, "
            f"{GONE:g} s after each round\n"
            f"strangers killed: {len(self.strangers)} of {self.decoys} decoys, "
            f"{self.reused} of them with the pid of a server that had ended"
        )


async def _round(home: Home, kind: str, rng: random.Random, tally: Tally, where: str) -> None:
    stage = Stage(home, {})
    servers = {name: entry("grandchild", name, str(home.directory / name)) for name in FAMILIES}
    stage.configure({**servers, VICTIM: entry()})
    decoys = await Decoys.usual()
    usual = decoys.count()
    try:
        async with program(home) as running:
            await running.ready()
            await _replace_victim(running, decoys)
            family = _family(home, await running.ready())
            tally.started += len(family)
            await asyncio.sleep(rng.uniform(0.0, 0.1))  # at another moment each time
            left = await ENDINGS[kind](running, stage, family)
        tally.survivors += [where + found for found in left]
        tally.strangers += [where + found for found in decoys.killed()]
        tally.decoys += decoys.count()
        tally.reused += decoys.count() - usual
    finally:
        for found in stage.processes():
            with suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
        await decoys.end()


async def _replace_victim(running: RunningProgram, decoys: Decoys) -> None:
    """A server dies, comes back, and a stranger gets the pid it had."""
    pid = (await running.server(VICTIM))["pid"]
    os.kill(pid, signal.SIGKILL)
    await running.until(lambda world: world["servers"][VICTIM]["pid"] != pid)
    await decoys.with_pid(pid)
    await running.post(f"/api/v1/servers/{VICTIM}/restart")


def _family(home: Home, world: Json) -> dict[str, int]:
    """Pids of servers by name, and of their grandchildren by name and a plus."""
    grandchildren = {f"{name}+": int((home.directory / name).read_text()) for name in FAMILIES}
    return {name: server["pid"] for name, server in world["servers"].items()} | grandchildren


async def _still(pids: Mapping[str, int]) -> list[str]:
    """Who of these still lives when nobody may any more."""
    return await eventually(
        lambda: [f"{name} ({pid})" for name, pid in pids.items() if alive(pid)], GONE
    )


async def _anybody(stage: Stage, family: Mapping[str, int]) -> list[str]:
    """Who of the run still lives, by its mark or as one of the family."""
    left = await _still(family)
    return left + await eventually(lambda: [str(found) for found in stage.processes()], GONE)


async def _quit(running: RunningProgram, stage: Stage, family: Mapping[str, int]) -> list[str]:
    assert await running.stop() == 0
    return await _anybody(stage, family)


async def _kill(running: RunningProgram, stage: Stage, family: Mapping[str, int]) -> list[str]:
    running.process.kill()
    await running.process.wait()
    return await _anybody(stage, family)


async def _reload(running: RunningProgram, stage: Stage, family: Mapping[str, int]) -> list[str]:
    stage.configure({})
    await running.until(lambda world: set(world["servers"]) == {CANARY})
    left = await _still({name: pid for name, pid in family.items() if name != CANARY})
    return left + await _quit(running, stage, family)


async def _crash(running: RunningProgram, stage: Stage, family: Mapping[str, int]) -> list[str]:
    for name in FAMILIES:
        os.kill(family[name], signal.SIGKILL)
    await running.until(
        lambda world: all(world["servers"][name]["pid"] != family[name] for name in FAMILIES)
    )
    for name in FAMILIES:
        await running.post(f"/api/v1/servers/{name}/restart")
    await running.ready()
    gone = {name: pid for name, pid in family.items() if name.removesuffix("+") in FAMILIES}
    left = await _still(gone)
    return left + await _quit(running, stage, family)


async def _both(running: RunningProgram, stage: Stage, family: Mapping[str, int]) -> list[str]:
    for reaper in reapers(running.process.pid):
        os.kill(reaper, signal.SIGKILL)
    running.process.kill()
    await running.process.wait()
    stage.configure({})
    async with program(stage.home) as again:
        await again.ready(CANARY)
        left = await _still(family)
    return left + await _anybody(stage, family)


Ending = Callable[[RunningProgram, Stage, Mapping[str, int]], Awaitable[list[str]]]
ENDINGS: dict[str, Ending] = {
    "quit": _quit,
    "kill": _kill,
    "reload": _reload,
    "crash": _crash,
    "both": _both,
}


async def play(
    directory: Path, count: int, seed: int, after_each: Callable[[Tally], object] = lambda _: None
) -> Tally:
    """Play so many rounds, each kind in turn."""
    rng = random.Random(seed)
    tally = Tally(count, seed)
    for number in range(count):
        kind = list(ENDINGS)[number % len(ENDINGS)]
        with tempfile.TemporaryDirectory(dir=directory) as own:
            await _round(Home(Path(own)), kind, rng, tally, f"round {number + 1}, {kind}: ")
        tally.rounds[kind] += 1
        after_each(tally)
    return tally

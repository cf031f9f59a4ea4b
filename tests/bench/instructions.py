"""Instructions per call, which do not depend on who else uses the machine.

Valgrind's callgrind counts what a process executes in user mode; the kernel's part is not in it.
Each target is asked twice by as many clients, for differing numbers of calls, so that what
handshakes cost is in both counts and falls out of their difference.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from pathlib import Path

from tests.bench.load import run
from tests.bench.peers.catalogue import PEERS, Source
from tests.bench.peers.install import found as installed
from tests.bench.peers.measure import started
from tests.bench.product import environment
from tests.bench.result import Row, Scale, say
from tests.bench.targets import Target, targets

CLIENTS = 16
FEW = 10  # calls of each client
INTERPRETED = (Source.OURS, Source.PYPI)
"""Where gateways come from that compile nothing while they run, so that a count says something."""

_TOTALS = re.compile(r"^totals: (\d+)$", re.MULTILINE)


async def measure(scale: Scale) -> list[Row]:
    if shutil.which("valgrind") is None or shutil.which("vgdb") is None:
        say("instructions are not counted: valgrind is not installed.")
        return []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        counts = Counts(Path(directory))
        found = {}
        async with targets(counts.command) as asked:
            for name, target in asked.items():
                if target.plan.watched:
                    found[name] = await per_call(target, counts, FEW * (3 if scale.quick else 6))
        others = {} if scale.quick else await _others(counts)
    ours = next(iter(asked))
    return [
        Row(
            name=f"{target.name}, {CLIENTS} clients: instructions",
            value=found[name],
            unit="/call",
            floor_name=target.floor,
            floor=found[target.floor],
        )
        for name, target in asked.items()
        if target.floor
    ] + [
        Row(
            name=f"{name}, {CLIENTS} clients: instructions",
            value=count,
            unit="/call",
            floor_name=f"MCP Proxy Tray, {ours}",
            floor=found[ours],
        )
        for name, count in others.items()
    ]


async def _others(counts: Counts) -> dict[str, float]:
    """The other gateways that can be counted, as far as they are here."""
    found = {}
    for peer in PEERS:
        program = installed(peer) if peer.source in INTERPRETED else None
        if program is None:
            continue
        try:
            async with started(peer, program, counts.command) as gateway:
                found[str(peer)] = await per_call(gateway.target, counts, 2 * FEW)
        except (ConnectionError, TimeoutError) as problem:
            say(f"{peer}'s instructions are not counted: it does not answer ({problem}).")
    return found


async def per_call(target: Target, counts: Counts, many: int) -> float:
    """``many`` are the calls of each client the second time."""
    pid = target.plan.watched
    await counts.begin(pid)
    await run(target.asking("small", CLIENTS, calls=FEW))  # what is done once
    taken = []
    for calls in (FEW, many):
        await counts.take(pid)
        await run(target.asking("small", CLIENTS, calls=calls))
        taken.append(await counts.take(pid))
    return (taken[1] - taken[0]) / (CLIENTS * (many - FEW))


class Counts:
    """What callgrind counted of the processes that were started with its command."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.command = (
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={directory}/%p",
            f"--log-file={directory}/log-%p",
        )

    async def begin(self, pid: int) -> None:
        await self._tell(pid, "instrumentation", "on")

    async def take(self, pid: int) -> int:
        """The instructions since the last time."""
        before = set(self._directory.glob(f"{pid}.*"))
        await self._tell(pid, "dump")
        (file,) = set(self._directory.glob(f"{pid}.*")) - before
        totals = _TOTALS.search(file.read_text())
        assert totals is not None, f"{file} holds no count"
        return int(totals[1])

    async def _tell(self, pid: int, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "vgdb", f"--pid={pid}", *words, env=environment(), stderr=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0, f"valgrind does not obey: {words}"

"""What it costs while nothing happens: wakeups and CPU time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.bench.process import cpu_seconds, wakeups
from tests.bench.product import bare, running
from tests.bench.result import Row, Scale
from tests.bench.targets import BARE

COUNTS = (0, 10, 50)
SETTLED = 3.0  # seconds after which what follows a start is over


@dataclass(frozen=True, slots=True)
class Rest:
    """One process over a time of rest: wakeups and CPU seconds per second."""

    wakeups: float
    cpu: float


async def measure(scale: Scale) -> list[Row]:
    """All processes rest at the same time, so one stretch of time serves them all."""
    counts = COUNTS[:2] if scale.quick else COUNTS
    async with AsyncExitStack() as stack:
        pids = []
        processes = []
        for servers in counts:
            product = await stack.enter_async_context(running(servers))
            floor = await stack.enter_async_context(bare(servers))
            processes.append(product.process)
            pids += [product.process.pid, floor.pid]
        rests = await watched(pids, processes[0], scale.watch)
    rows = []
    for servers, ours, below in zip(counts, rests[::2], rests[1::2], strict=True):
        rows += [
            _row(servers, "wakeups", "/s", ours.wakeups, below.wakeups),
            _row(servers, "CPU", "%", ours.cpu * 100, below.cpu * 100),
        ]
    return rows


async def watched(
    pids: Sequence[int], process: asyncio.subprocess.Process, seconds: float
) -> list[Rest]:
    """What each does while they rest. Raises ConnectionError if ``process`` ends meanwhile."""
    await pause(process, SETTLED)
    before = [(wakeups(pid), cpu_seconds(pid)) for pid in pids]
    await pause(process, seconds)
    after = [(wakeups(pid), cpu_seconds(pid)) for pid in pids]
    return [
        Rest((w2 - w1) / seconds, (c2 - c1) / seconds)
        for (w1, c1), (w2, c2) in zip(before, after, strict=True)
    ]


async def pause(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Let a time pass in which a program runs. Raises ConnectionError if it ends meanwhile."""
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return
    raise ConnectionError(f"the program ended while it was watched ({process.returncode})")


def _row(servers: int, what: str, unit: str, ours: float, below: float) -> Row:
    return Row(
        name=f"idle with {servers} servers: {what}",
        value=ours,
        unit=unit,
        floor_name=BARE,
        floor=below,
    )

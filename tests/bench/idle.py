"""What it costs while nothing happens: wakeups, CPU, memory."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.bench.process import cpu_seconds, memory, wakeups
from tests.bench.product import bare, running
from tests.bench.result import Row, Scale

PASSTHROUGH = "bare passthrough"
SETTLED = 3.0  # seconds after which what follows a start is over


@dataclass(frozen=True, slots=True)
class Rest:
    """One process over a time of rest; wakeups and CPU seconds per second, memory in MB."""

    wakeups: float
    cpu: float
    resident: float
    proportional: float


async def measure(scale: Scale) -> list[Row]:
    """All processes rest at the same time, so one stretch of time serves them all."""
    counts = (0, 10) if scale.quick else (0, 10, 50)
    async with AsyncExitStack() as stack:
        pids = []
        for servers in counts:
            product = await stack.enter_async_context(running(servers))
            floor = await stack.enter_async_context(bare(servers))
            pids += [product.process.pid, floor.pid]
        await _ended(product.process, SETTLED)
        before = [(wakeups(pid), cpu_seconds(pid)) for pid in pids]
        await _ended(product.process, scale.watch)
        after = [(wakeups(pid), cpu_seconds(pid)) for pid in pids]
        rests = [
            Rest((w2 - w1) / scale.watch, (c2 - c1) / scale.watch, *memory(pid))
            for pid, (w1, c1), (w2, c2) in zip(pids, before, after, strict=True)
        ]
    rows = []
    for servers, ours, floor_rest in zip(counts, rests[::2], rests[1::2], strict=True):
        rows += _rows(servers, ours, floor_rest)
    return rows


async def _ended(process: asyncio.subprocess.Process, limit: float) -> None:
    try:
        await asyncio.wait_for(process.wait(), limit)
    except TimeoutError:
        return
    raise ConnectionError(f"the program ended while it was watched ({process.returncode})")


def _rows(servers: int, ours: Rest, floor: Rest) -> list[Row]:
    compared = (
        ("wakeups", "/s", ours.wakeups, floor.wakeups),
        ("CPU", "%", ours.cpu * 100, floor.cpu * 100),
        ("resident memory", "MB", ours.resident, floor.resident),
        ("proportional memory", "MB", ours.proportional, floor.proportional),
    )
    return [
        Row(
            name=f"idle with {servers} servers: {what}",
            value=value,
            unit=unit,
            floor_name=PASSTHROUGH,
            floor=below,
        )
        for what, unit, value, below in compared
    ]

"""Opening the tray's menu, as a panel does, when it holds many servers; Linux only."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench.result import Row, Samples, Scale, say
from tests.fakes.tray_bus import PrivateBus
from tests.fakes.tray_host import FakeHost, ItemReader
from tests.fakes.tray_seat import RunningTray

SIZES = (10, 200)
TIMES = 20
"""Openings in a round; the median of the rounds' means is what is shown."""


async def measure(scale: Scale) -> list[Row]:
    if shutil.which("dbus-daemon") is None:
        say("not measured without dbus-daemon: the menu")
        return []
    return [await _opened(size, scale) for size in SIZES]


async def _opened(size: int, scale: Scale) -> Row:
    """From the click to all rows, without what the panel needs to draw them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        bus = PrivateBus(Path(directory))
        bus.start()
        host = FakeHost(bus.address)
        await host.start()
        names = [f"server-{number:03}" for number in range(size)]
        try:
            with RunningTray({"DBUS_SESSION_BUS_ADDRESS": bus.address}, *names):
                samples = await _rounds(await host.item(), scale)
        finally:
            await host.stop()
            bus.kill()
    return Row(
        name=f"open the menu of {size} servers",
        value=samples["open"] * 1e3,
        unit="ms",
        floor_name="one row of it",
        floor=samples["row"] * 1e3,
    )


async def _rounds(item: ItemReader, scale: Scale) -> Samples:
    """Alternately the whole menu, as at a click, and its first row only."""
    header = (await item.layout()).rows[0].id

    async def opening() -> None:
        await item.about_to_show()
        await item.layout()
        await item.event(0, "closed")

    async def row() -> None:
        await item.about_to_show(header)
        await item.layout(header)
        await item.event(0, "closed")

    samples = Samples()
    for _ in range(scale.rounds):
        samples.add("open", await _mean(opening))
        samples.add("row", await _mean(row))
    return samples


async def _mean(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds of one of ``TIMES``."""
    began = time.perf_counter()
    for _ in range(TIMES):
        await work()
    return (time.perf_counter() - began) / TIMES

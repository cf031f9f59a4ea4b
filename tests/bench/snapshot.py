"""Reading the world, changing it, and telling those who listen, as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from timeit import Timer

from core.engine.clock import LoopClock
from core.engine.store import Store
from core.model.config import ServerName
from core.model.status import AdminState, Health, Level, Phase, ServerStatus
from core.telemetry.counters import Counters
from tests.bench.result import Row, Samples, Scale

SIZES = (10, 100, 1_000, 10_000)
LISTENERS = (1, 10, 100)


async def measure(scale: Scale) -> list[Row]:
    rows = []
    for size in SIZES:
        rows += _read_and_publish(size, scale)
    rows += [_fan_out(listeners, scale) for listeners in LISTENERS]
    return rows


def _read_and_publish(size: int, scale: Scale) -> list[Row]:
    store = _filled(size)
    status = _status(0)
    name = status.name
    entries = dict(store.snapshot.servers)
    samples = Samples()
    for _ in range(scale.rounds):
        samples.add("read", _seconds(lambda: store.snapshot.servers[name]))
        samples.add("plain", _seconds(lambda: entries[name]))
        samples.add("publish", _seconds(lambda: store.publish(status)))
        samples.add("copy", _seconds(lambda: {**entries, name: status}))
    return [
        Row(
            name=f"read one server of {size}",
            value=samples["read"] * 1e9,
            unit="ns",
            floor_name="from a plain dict",
            floor=samples["plain"] * 1e9,
        ),
        Row(
            name=f"publish one server of {size}",
            value=samples["publish"] * 1e6,
            unit="us",
            floor_name="copy of a dict with one change",
            floor=samples["copy"] * 1e6,
        ),
    ]


def _fan_out(listeners: int, scale: Scale) -> Row:
    quiet, store = _filled(100), _filled(100)
    slots = [store.subscribe(lambda: None) for _ in range(listeners)]
    status = _status(0)
    samples = Samples()

    def told() -> None:
        store.publish(status)
        for slot in slots:
            slot.take()

    for _ in range(scale.rounds):
        samples.add("told", _seconds(told))
        samples.add("quiet", _seconds(lambda: quiet.publish(status)))
    return Row(
        name=f"publish one server of 100 to {listeners} that take it",
        value=samples["told"] * 1e6,
        unit="us",
        floor_name="to nobody",
        floor=samples["quiet"] * 1e6,
    )


def _filled(size: int) -> Store:
    store = Store(LoopClock(), Counters())
    for number in range(size):
        store.publish(_status(number))
    return store


def _status(number: int) -> ServerStatus:
    return ServerStatus(
        name=ServerName(f"server{number}"),
        phase=Phase.READY,
        health=Health(level=Level.HEALTHY, admin_state=AdminState.ENABLED, summary="Ready."),
        since=datetime.now(UTC),
    )


def _seconds(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes, the call itself (some 30 ns) included."""
    timer = Timer(work, timer=time.perf_counter)
    times, took = timer.autorange(None)
    return took / times

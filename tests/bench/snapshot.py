"""Reading the world, changing it, and telling those who listen."""

from __future__ import annotations

from datetime import UTC, datetime

from core.engine.clock import LoopClock
from core.engine.store import Store
from core.model.config import ServerName
from core.model.status import AdminState, Health, Level, Phase, ServerStatus
from core.telemetry.counters import Counters
from tests.bench.result import Row, Samples, Scale
from tests.bench.timing import seconds

SIZES = (10, 100, 1_000, 10_000)
LISTENERS = (1, 10, 100)


async def measure(scale: Scale) -> list[Row]:
    rows = []
    for size in SIZES:
        rows += _read_and_publish(size, scale)
    rows += [_fan_out(listeners, scale) for listeners in LISTENERS]
    return rows


def _read_and_publish(size: int, scale: Scale) -> list[Row]:
    store = filled(size)
    status = status_of(0)
    name = status.name
    entries = dict(store.snapshot.servers)
    samples = Samples()
    for _ in range(scale.rounds):
        read = seconds("store.snapshot.servers[name]", store=store, name=name)
        samples.add("read", read)
        samples.add("plain", seconds("entries[name]", entries=entries, name=name))
        samples.add("publish", seconds(lambda: store.publish(status)))
        samples.add("copy", seconds(lambda: {**entries, name: status}))
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
    quiet, store = filled(100), filled(100)
    slots = [store.subscribe(lambda: None) for _ in range(listeners)]
    status = status_of(0)
    samples = Samples()

    def told() -> None:
        store.publish(status)
        for slot in slots:
            slot.take()

    for _ in range(scale.rounds):
        samples.add("told", seconds(told))
        samples.add("quiet", seconds(lambda: quiet.publish(status)))
    return Row(
        name=f"publish one server of 100 to {listeners} that take it",
        value=samples["told"] * 1e6,
        unit="us",
        floor_name="to nobody",
        floor=samples["quiet"] * 1e6,
    )


def filled(size: int) -> Store:
    """A store that shows so many servers, all of them ready."""
    store = Store(LoopClock(), Counters())
    for number in range(size):
        store.publish(status_of(number))
    return store


def status_of(number: int) -> ServerStatus:
    return ServerStatus(
        name=ServerName(f"server{number}"),
        phase=Phase.READY,
        health=Health(level=Level.HEALTHY, admin_state=AdminState.ENABLED, summary="Ready."),
        since=datetime.now(UTC),
    )

"""What it costs to record that something happened, and to be asked for all of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import MappingProxyType

from core.gateway.record import Record
from core.model.config import ServerName
from core.model.status import AdminState, Health, Level, Phase, ServerStatus, Snapshot
from core.search.catalogue import Catalogue
from core.telemetry.counters import Counters
from core.web.metrics import Exporter, page
from tests.bench.recorders import recorded
from tests.bench.result import Row, Samples, Scale
from tests.bench.timing import seconds
from tests.fakes.conversations import NoPrivates, NoSessions, Watched

SERIES = 500
GIT = ServerStatus(
    name=ServerName("git"),
    phase=Phase.DISABLED,
    health=Health(level=Level.HEALTHY, admin_state=AdminState.DISABLED, summary=""),
    since=datetime(2026, 1, 1, tzinfo=UTC),
)
FLOOR = "adding one in a plain dict"


async def measure(scale: Scale) -> list[Row]:
    counters = Counters()
    record = Record(counters)
    plain: dict[str, int] = {"git": 0}

    def floor() -> None:
        plain["git"] += 1

    def counter() -> None:
        counters.tool_calls.inc("git", "create_issue", "success")

    def histogram() -> None:
        counters.tool_call_duration.observe(0.012, "git", "create_issue", "success")

    def call() -> None:
        recorded(counters, record)

    samples = Samples()
    for _ in range(scale.rounds):
        for each in (floor, counter, histogram, call):
            samples.add(each.__name__, seconds(each))

    for number in range(SERIES):
        counters.tool_calls.inc("git", f"tool{number}", "success")
        counters.tool_call_duration.observe(0.012, "git", f"tool{number}", "success")
    servers = MappingProxyType({GIT.name: GIT})
    exporter = Exporter(counters, NoSessions(), NoPrivates(), Catalogue(), "0")
    moment = exporter.moment(Snapshot(boot="0", servers=servers), Watched(), Watched())
    lines = 0
    for _ in range(scale.rounds):
        began = time.perf_counter()
        shown = await page(moment, "")
        samples.add("scrape", time.perf_counter() - began)
        lines = shown.body.count(b"\n")
    return [
        Row(
            name="an event in a counter with three labels",
            value=samples["counter"] * 1e6,
            unit="us",
            floor_name=FLOOR,
            floor=samples["floor"] * 1e6,
        ),
        Row(
            name="an observation in a histogram with three labels",
            value=samples["histogram"] * 1e6,
            unit="us",
            floor_name=FLOOR,
            floor=samples["floor"] * 1e6,
        ),
        Row(
            name="all that is recorded of one tool call, seven events",
            value=samples["call"] * 1e6,
            unit="us",
            floor_name=FLOOR,
            floor=samples["floor"] * 1e6,
        ),
        Row(
            name=f"a scrape, per line of {lines}", value=samples["scrape"] / lines * 1e6, unit="us"
        ),
    ]

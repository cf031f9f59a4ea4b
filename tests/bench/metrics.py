"""What it costs to record that something happened, and to be asked for all of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType

from core.gateway.record import Record
from core.model.config import ServerName
from core.model.status import AdminState, Health, Level, Phase, ServerStatus, Snapshot
from core.protocol.calls import Call, Reply
from core.search.catalogue import Catalogue
from core.telemetry.counters import Counters
from core.web.metrics import Exporter, page
from tests.bench.result import Row, Samples, Scale
from tests.fakes.conversations import NoPrivates, NoSessions, Watched

TIMES = 20_000
PARAMS = b'{"name":"create_issue","arguments":{"title":"x"}}'
REPLY = b'{"content":[{"type":"text","text":"done"}],"isError":false}'
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
        """All that is recorded of one tool call, its HTTP request included."""
        watched = record.arrived("tools/call")
        asked = Call()
        ended = record.call("git", "create_issue", PARAMS, 1.0)
        watched.sent(1.0)
        asked.finish(Reply(result=REPLY))
        counters.http_requests.inc("POST", "/mcp", "200")
        counters.http_request_duration.observe(0.012, "POST", "/mcp")
        watched.ended(ended(asked))
        watched.handed_on(asked)

    samples = Samples()
    for _ in range(scale.rounds):
        for each in (floor, counter, histogram, call):
            samples.add(each.__name__, _time_of(each))

    for number in range(SERIES):
        counters.tool_calls.inc("git", f"tool{number}", "success")
        counters.tool_call_duration.observe(0.012, "git", f"tool{number}", "success")
    servers = MappingProxyType({GIT.name: GIT})
    exporter = Exporter(counters, NoSessions(), NoPrivates(), Catalogue(), "0")
    moment = exporter.moment(Snapshot(boot="0", servers=servers), Watched(), Watched())
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


def _time_of(event: Callable[[], None]) -> float:
    """Seconds for one, the call of the function included."""
    began = time.perf_counter()
    for _ in range(TIMES):
        event()
    return (time.perf_counter() - began) / TIMES

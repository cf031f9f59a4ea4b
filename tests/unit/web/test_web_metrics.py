"""The metrics page: what Prometheus reads is what was counted."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Exemplar as LibraryExemplar
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format
from prometheus_client.registry import Collector

from core.engine.sessions import LiveSessions
from core.model.approvals import Review
from core.model.config import ServerName
from core.model.status import AdminState, Health, Level, Peer, Phase, ServerStatus, Snapshot
from core.model.tools import Tool
from core.ports import Held
from core.protocol.calls import Session
from core.search.catalogue import Catalogue
from core.telemetry.counters import FEW_GONE, Counters
from core.telemetry.families import Cell, Counter, Exemplar, Family, Gauge, Histogram
from core.web.exposition import exposition
from core.web.metrics import Exporter, Moment, page
from tests.fakes.conversations import NoPrivates, NoSessions, Watched

HEALTH = Health(level=Level.HEALTHY, admin_state=AdminState.ENABLED, summary="x")
SEED = {
    "mcpproxy_supervisor_reconciliations": ("counter", {"result"}),
    "mcpproxy_supervisor_reconciliation_duration_seconds": ("histogram", set()),
    "mcpproxy_supervisor_state_changes": ("counter", {"server", "from_state", "to_state"}),
    "mcpproxy_actor_state_transitions": ("counter", {"server", "from_state", "to_state"}),
    "mcpproxy_actor_connect_duration_seconds": ("histogram", {"server", "result"}),
    "mcpproxy_actor_retries": ("counter", {"server"}),
    "mcpproxy_actor_failures": ("counter", {"server", "error_type"}),
    "mcpproxy_tool_calls": ("counter", {"server", "tool", "status"}),
    "mcpproxy_tool_call_duration_seconds": ("histogram", {"server", "tool", "status"}),
}


def server(name: str, phase: Phase, tools: int = 0) -> ServerStatus:
    peer = Peer(tools=(Tool("t", b"{}"),) * tools) if phase is Phase.READY else None
    return ServerStatus(
        name=ServerName(name),
        phase=phase,
        health=HEALTH,
        since=datetime(2026, 1, 1, tzinfo=UTC),
        peer=peer,
    )


def moment(counters: Counters, *servers: ServerStatus) -> Moment:
    snapshot = Snapshot(boot="b", servers=MappingProxyType({each.name: each for each in servers}))
    return Exporter(counters, NoSessions(), NoPrivates(), Catalogue(), "1.2.3").moment(
        snapshot, Watched(3, 5), Watched(0, 4)
    )


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


async def scraped(counters: Counters, *servers: ServerStatus) -> dict[str, Metric]:
    shown = await page(moment(counters, *servers), "")
    return by_name(text_format(shown.body.decode()))


def value(metric: Metric, suffix: str = "", **labels: str) -> float:
    [found] = [
        sample.value
        for sample in metric.samples
        if sample.labels == labels and sample.name == metric.name + suffix
    ]
    return found


async def test_all_seed_families_are_there_before_anything_happened() -> None:
    """A dashboard is complete from the first second: HELP and TYPE, even without samples."""
    shown = (await page(moment(Counters()), "")).body.decode()
    for name, (kind, _) in SEED.items():
        full = f"{name}_total" if kind == "counter" else name
        assert f"# TYPE {full} {kind}\n" in shown
        assert f"# HELP {full} " in shown


async def test_names_and_labels_are_the_contract() -> None:
    """The first nine families carry exactly the labels of the specification."""
    counters = Counters()
    for family in counters:
        if not isinstance(family, Gauge):
            family.start_at_zero(*family.labels)
    metrics = await scraped(counters, server("server", Phase.READY))
    for name, (kind, labels) in SEED.items():
        assert metrics[name].type == kind
        found = {frozenset(sample.labels) - {"le"} for sample in metrics[name].samples}
        assert found == {frozenset(labels)}


async def test_counters_show_what_was_counted() -> None:
    """Per label set, with _total."""
    counters = Counters()
    counters.tool_calls.inc("git", "commit", "ok")
    counters.tool_calls.inc("git", "commit", "ok")
    counters.tool_calls.inc("git", "commit", "error")
    metric = (await scraped(counters, server("git", Phase.READY)))["mcpproxy_tool_calls"]
    assert value(metric, "_total", server="git", tool="commit", status="ok") == 2
    assert value(metric, "_total", server="git", tool="commit", status="error") == 1


async def test_histogram_buckets_are_cumulative() -> None:
    """Bounds are the specification's; the last bucket is the count."""
    counters = Counters()
    for seconds in (0.005, 0.01, 0.3, 99.0):
        counters.supervisor_reconciliation_duration.observe(seconds)
    metric = (await scraped(counters))["mcpproxy_supervisor_reconciliation_duration_seconds"]
    buckets = {
        sample.labels["le"]: sample.value
        for sample in metric.samples
        if sample.name.endswith("_bucket")
    }
    assert buckets == {
        "0.01": 2, "0.05": 2, "0.1": 2, "0.5": 3, "1.0": 3, "2.0": 3, "5.0": 3, "+Inf": 4
    }  # fmt: skip
    assert value(metric, "_count") == 4
    assert value(metric, "_sum") == pytest.approx(99.315)


@given(st.lists(st.floats(0, 100), max_size=50))
def test_every_observation_is_in_the_bucket_its_bound_says(seconds: list[float]) -> None:
    """le means less or equal, for every value there is."""
    counters = Counters()
    family = counters.tool_call_duration
    for each in seconds:
        family.observe(each, "s", "t", "ok")
    counts = family.values[("s", "t", "ok")].counts if seconds else []
    running = 0
    for bound, count in zip(family.bounds, counts, strict=False):
        running += count
        assert running == sum(each <= bound for each in seconds)


async def test_states_of_servers() -> None:
    """Every state is always present; a server has exactly one of them."""
    servers = [
        server("a", Phase.READY, tools=2),
        server("b", Phase.READY, tools=3),
        server("c", Phase.BACKOFF),
    ]
    metrics = await scraped(Counters(), *servers)
    totals = {each.labels["state"]: each.value for each in metrics["mcpproxy_servers"].samples}
    assert totals == {**dict.fromkeys(map(str, Phase), 0), "ready": 2, "backoff": 1}
    state = metrics["mcpproxy_server_state"]
    for name in "abc":
        assert sum(s.value for s in state.samples if s.labels["server"] == name) == 1
    assert value(state, server="c", state="backoff") == 1
    assert value(metrics["mcpproxy_tools"]) == 5


async def test_facts_about_the_process() -> None:
    """Version, time up, listeners and lost log lines; and the standard process metrics."""
    metrics = await scraped(Counters())
    [build] = metrics["mcpproxy_build_info"].samples
    assert (build.value, build.labels["version"]) == (1, "1.2.3")
    assert 0 <= value(metrics["mcpproxy_uptime_seconds"]) < 60
    assert value(metrics["mcpproxy_sse_clients"]) == 3
    assert value(metrics["mcpproxy_log_lines_dropped"], "_total") == 4
    assert value(metrics["mcpproxy_sse_dropped_events"], "_total") == 5
    assert metrics["python_gc_collections"].type == "counter"
    assert value(metrics["process_resident_memory_bytes"]) > 0


async def test_formats_by_accept() -> None:
    """The text format unless OpenMetrics is asked for; both parse, neither has _created."""
    counters = Counters()
    counters.tool_calls.inc("git", 'quo"te\\new\nline', "ok")
    shown = moment(counters, server("git", Phase.READY))
    plain = await page(shown, "text/html, */*")
    modern = await page(shown, "application/openmetrics-text; version=1.0.0")
    assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert modern.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert modern.body.endswith(b"# EOF\n")
    for parsed in (text_format(plain.body.decode()), openmetrics(modern.body.decode())):
        [sample] = by_name(parsed)["mcpproxy_tool_calls"].samples
        assert sample.labels["tool"] == 'quo"te\\new\nline'
    assert b"_created" not in plain.body + modern.body


async def test_counting_goes_on_while_a_page_is_made() -> None:
    """What is formatted in another thread is a copy of one instant."""
    counters = Counters()
    counters.tool_call_duration.observe(0.2, "s", "t", "ok")
    counters.tool_calls.inc("s", "t", "ok")
    frozen = moment(counters, server("s", Phase.READY))
    counters.tool_call_duration.observe(0.2, "s", "t", "ok")
    counters.tool_calls.inc("s", "t", "ok")
    counters.forget_server("s")
    metrics = by_name(text_format((await page(frozen, "")).body.decode()))
    labels = {"server": "s", "tool": "t", "status": "ok"}
    assert value(metrics["mcpproxy_tool_calls"], "_total", **labels) == 1
    assert value(metrics["mcpproxy_tool_call_duration_seconds"], "_count", **labels) == 1


async def test_a_removed_server_is_gone_even_if_a_call_of_it_ends_later() -> None:
    """Only servers of the snapshot are shown, whatever was counted last."""
    counters = Counters()
    counters.tool_calls.inc("gone", "t", "lost")
    counters.tool_calls.inc("here", "t", "success")
    body = (await page(moment(counters, server("here", Phase.READY)), "")).body
    assert b'server="here"' in body
    assert b'"gone"' not in body


def test_what_was_counted_of_a_removed_server_goes_before_anybody_looks() -> None:
    """Before a scrape, before a server of the same name begins, and when many are gone."""
    counters = Counters()
    values = counters.tool_calls.values
    counters.tool_calls.inc("stays", "t", "success")
    counters.tool_calls.inc("one", "t", "success")
    counters.forget_server("one")
    counters.begin_server("other")
    assert len(values) == 2  # nobody looks yet
    counters.begin_server("one")
    assert set(values) == {("stays", "t", "success")}
    counters.tool_calls.inc("one", "t", "success")
    counters.forget_server("one")
    assert all(("one", "t", "success") not in family.values for family in counters)
    for number in range(FEW_GONE):
        counters.tool_calls.inc(f"s{number}", "t", "success")
        counters.forget_server(f"s{number}")
    assert set(values) == {("stays", "t", "success")}


async def test_exemplars_are_shown_where_the_format_has_them() -> None:
    """The newest trace of a bucket stands behind it in OpenMetrics, and nowhere in text."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    counters = Counters()
    counters.tool_call_duration.observe_traced("f" * 32, 0.2, "s", "t", "success")
    counters.tool_call_duration.observe_traced(trace, 0.3, "s", "t", "success")
    counters.tool_call_duration.observe(0.3, "s", "t", "success")
    shown = moment(counters, server("s", Phase.READY))
    modern = (await page(shown, "application/openmetrics-text; version=1.0.0")).body.decode()
    [traced] = [
        sample
        for sample in by_name(openmetrics(modern))["mcpproxy_tool_call_duration_seconds"].samples
        if sample.exemplar is not None
    ]
    assert traced.exemplar is not None
    assert (traced.labels["le"], traced.value) == ("0.5", 3)
    assert (traced.exemplar.labels, traced.exemplar.value) == ({"trace_id": trace}, 0.3)
    assert trace not in (await page(shown, "")).body.decode()


async def test_what_a_server_uses_is_read_when_somebody_asks() -> None:
    """Memory, processor time and descriptors of a process that lives; of none that has ended."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    alive = replace(server("alive", Phase.READY), peer=Peer(pid=child.pid))
    shown = moment(Counters(), alive)
    try:
        metrics = by_name(text_format((await page(shown, "")).body.decode()))
    finally:
        await child.communicate(b"\n")
    assert value(metrics["mcpproxy_server_resident_memory_bytes"], server="alive") > 2**20
    assert value(metrics["mcpproxy_server_open_fds"], server="alive") >= 3
    assert value(metrics["mcpproxy_server_cpu_seconds"], "_total", server="alive") >= 0
    metrics = by_name(text_format((await page(shown, "")).body.decode()))
    assert metrics["mcpproxy_server_open_fds"].samples == []


class Busy:
    """A conversation with so many requests."""

    def __init__(self, in_flight: int, waiting: int) -> None:
        self.in_flight = in_flight
        self.waiting = waiting


async def test_requests_of_all_conversations_with_a_server_are_counted() -> None:
    """Of the one that clients share, and of those that single clients have for themselves."""
    name = ServerName("s")
    sessions = LiveSessions()
    sessions.put(name, cast(Session, Busy(3, 1)))
    private = [Held(name, cast(Session, Busy(2, 0)), None) for _ in range(2)]
    gone = Held(ServerName("gone"), cast(Session, Busy(9, 9)), None)
    snapshot = Snapshot(boot="b", servers=MappingProxyType({name: server("s", Phase.READY)}))
    exporter = Exporter(Counters(), sessions, NoPrivates([*private, gone]), Catalogue(), "1")
    shown = await page(exporter.moment(snapshot, Watched(), Watched()), "")
    metrics = by_name(text_format(shown.body.decode()))
    assert value(metrics["mcpproxy_requests_in_flight"], server="s") == 7
    assert value(metrics["mcpproxy_queue_depth"], server="s") == 1
    assert value(metrics["mcpproxy_private_connections"], server="s") == 2
    assert b'"gone"' not in shown.body


async def test_tools_that_wait_for_a_person_are_counted() -> None:
    """Per server, new ones and changed ones apart."""
    waiting = Review(pending=("a", "b"), changed=("c",))
    metrics = await scraped(Counters(), replace(server("s", Phase.READY), review=waiting))
    assert value(metrics["mcpproxy_tools_pending_approval"], server="s") == 2
    assert value(metrics["mcpproxy_tools_changed"], server="s") == 1


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20))
def test_any_name_comes_back_as_it_was(tool: str) -> None:
    """Tools are named by servers: whatever they choose, both formats carry it unchanged."""
    family = Counter("tool_calls", "Calls.", ("tool",))
    family.inc(tool)
    for modern, parse, end in ((False, text_format, ""), (True, openmetrics, "# EOF\n")):
        shown = exposition([family], "mcpproxy_", modern).decode() + end
        [sample] = by_name(parse(shown))["mcpproxy_tool_calls"].samples
        assert sample.labels == {"tool": tool}


def test_the_library_would_write_the_same() -> None:
    """Line by line, apart from the order of labels, for every kind of metric and number."""
    families = [
        Counter("c", "Help.", ("a", "b"), {("1", 'x"\\\n'): 3.0, ("2", "é"): 1e21}),
        Gauge("g", "Help \\ more.", (), {(): 1.5e-7}),
        Gauge("i", "Help.", ("a",), {("x",): math.inf}),
        Histogram("h", "Help.", ("a",), (0.005, 1), {("x",): Cell([1, 0, 2], 7.25)}),
        Histogram("e", "Help.", (), (10,), {(): Cell([1, 0], 2, {0: Exemplar("ab", 2.0, 1.5)})}),
        Counter("nothing", "Help.", ("a",)),
    ]
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        encode, _ = choose_encoder(accept)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Library(families))
        theirs = encode(registry).decode().removesuffix("# EOF\n")
        ours = exposition(families, "p_", bool(accept)).decode()
        assert [sorted(line) for line in sorted(ours.splitlines())] == [
            sorted(line) for line in sorted(theirs.splitlines())
        ]


class Library(Collector):
    """The same families as prometheus_client knows them."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            name = f"p_{family.name}"
            if isinstance(family, Histogram):
                histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
                for labels, cell in family.values.items():
                    histogram.add_metric(labels, self._buckets(family, cell), cell.sum)
                yield histogram
            else:
                shape = GaugeMetricFamily if isinstance(family, Gauge) else CounterMetricFamily
                metric = shape(name, family.help, labels=family.labels)
                for labels, value in family.values.items():
                    metric.add_metric(labels, value)
                yield metric

    @staticmethod
    def _buckets(family: Histogram, cell: Cell) -> list[tuple[object, ...]]:
        bounds = [*(str(float(bound)) for bound in family.bounds), "+Inf"]
        found: list[tuple[object, ...]] = []
        for number, bound in enumerate(bounds):
            traced = (cell.exemplars or {}).get(number)
            count = float(sum(cell.counts[: number + 1]))
            if traced is None:
                found.append((bound, count))
            else:
                labels = {"trace_id": traced.trace_id}
                found.append((bound, count, LibraryExemplar(labels, traced.value, traced.at)))
        return found

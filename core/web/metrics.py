"""``GET /metrics``: the counters and the present snapshot in Prometheus' two text formats.

prometheus_client formats; it is imported, and does its work, off the event loop, and only when
somebody scrapes. What it formats is copied on the loop, so that no scrape is half one moment.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from core.model.status import Phase, Snapshot
from core.telemetry.counters import Cell, Counter, Counters, Histogram

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX = "mcpproxy_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything one scrape shows, as it was at one instant."""

    families: Sequence[Counter | Histogram]
    snapshot: Snapshot
    version: str
    uptime: float  # seconds
    sse_clients: int
    log_lines_dropped: int
    tasks: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A rendered scrape and its content type."""

    body: bytes
    content_type: str


def freeze(counters: Counters) -> tuple[Counter | Histogram, ...]:
    """A copy of all families that later counting does not touch."""
    return tuple(_frozen(family) for family in counters)


def _frozen(family: Counter | Histogram) -> Counter | Histogram:
    if isinstance(family, Counter):
        return replace(family, values=dict(family.values))
    cells = {key: Cell(list(cell.counts), cell.sum) for key, cell in family.values.items()}
    return replace(family, values=cells)


async def page(moment: Moment, accept: str) -> Page:
    """The text format 0.0.4, or OpenMetrics if ``accept`` asks for it."""
    return await asyncio.to_thread(_render, moment, accept)


def _render(moment: Moment, accept: str) -> Page:
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector

    class Scrape(Collector):
        def collect(self) -> Iterator[Metric]:
            return _metrics(moment)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scrape())
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return Page(encode(registry), content_type)


def _metrics(moment: Moment) -> Iterator[Metric]:
    for family in moment.families:
        yield _counter(family) if isinstance(family, Counter) else _histogram(family)
    yield from _gauges(moment)


def _counter(family: Counter) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    metric = CounterMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
    for labels, value in family.values.items():
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Histogram) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    metric = HistogramMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
    bounds = [str(float(bound)) for bound in family.bounds] + ["+Inf"]
    for labels, cell in family.values.items():
        buckets = list(zip(bounds, map(float, accumulate(cell.counts)), strict=True))
        metric.add_metric(labels, buckets, cell.sum)
    return metric


def _gauges(moment: Moment) -> Iterator[Metric]:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        InfoMetricFamily,
    )

    servers = moment.snapshot.servers.values()

    by_state = GaugeMetricFamily(PREFIX + "servers", "Servers in each state.", labels=("state",))
    for phase in Phase:
        by_state.add_metric((phase.value,), sum(status.phase is phase for status in servers))
    yield by_state

    state = GaugeMetricFamily(
        PREFIX + "server_state",
        "1 for the state a server is in, 0 for all others.",
        labels=("server", "state"),
    )
    for status in servers:
        for phase in Phase:
            state.add_metric((status.name, phase.value), float(status.phase is phase))
    yield state

    yield GaugeMetricFamily(
        PREFIX + "tools",
        "Tools of all ready servers.",
        value=sum(len(status.tools) for status in servers),
    )
    yield GaugeMetricFamily(
        PREFIX + "sse_clients", "Clients that listen to /events.", value=moment.sse_clients
    )
    yield GaugeMetricFamily(
        PREFIX + "tasks", "Tasks of the event loop: at rest always the same.", value=moment.tasks
    )
    yield GaugeMetricFamily(
        PREFIX + "uptime_seconds", "Time since this program started.", value=moment.uptime
    )
    yield CounterMetricFamily(
        PREFIX + "log_lines_dropped",
        "Log lines lost because a file could not be written, or not fast enough.",
        value=moment.log_lines_dropped,
    )
    yield InfoMetricFamily(
        PREFIX + "build",
        "The version that runs.",
        value={"version": moment.version, "python": platform.python_version()},
    )


class Exporter:
    """Takes the moments that are scraped."""

    def __init__(self, counters: Counters, version: str) -> None:
        self._counters = counters
        self._version = version
        self._started = time.monotonic()

    @property
    def uptime(self) -> float:
        """Seconds since this object was made, which is when the program started."""
        return time.monotonic() - self._started

    def moment(self, snapshot: Snapshot, sse_clients: int, log_lines_dropped: int) -> Moment:
        return Moment(
            families=freeze(self._counters),
            snapshot=snapshot,
            version=self._version,
            uptime=self.uptime,
            sse_clients=sse_clients,
            log_lines_dropped=log_lines_dropped,
            tasks=len(asyncio.all_tasks()),
        )

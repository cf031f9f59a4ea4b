"""``GET /metrics``: the counters and the present snapshot in Prometheus' two text formats.

All of it is written off the event loop, and only when somebody scrapes. What is written is copied
on the loop, so that no scrape is half one moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.model.status import Snapshot
from core.ports import Privates, Sessions, ToolSearch
from core.telemetry.counters import Counters
from core.telemetry.families import Counter, Family, frozen
from core.telemetry.usage import Usage, usage
from core.web import present
from core.web.exposition import exposition
from core.web.present import Traffic

if TYPE_CHECKING:
    pass

PREFIX = "mcpproxy_"


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything one scrape shows, as it was at one instant, but for what ``pids`` use.

    That is read, with the servers' names, while the page is made: nobody asks for it otherwise.
    """

    snapshot: Snapshot
    traffic: Mapping[str, Traffic]
    families: tuple[Family, ...]
    pids: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Page:
    """A rendered scrape and its content type."""

    body: bytes
    content_type: str


async def page(moment: Moment, accept: str) -> Page:
    """The text format 0.0.4, or OpenMetrics if ``accept`` asks for it."""
    return await asyncio.to_thread(_render, moment, accept)


def _render(moment: Moment, accept: str) -> Page:
    from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    by_pid = usage(pid for _, pid in moment.pids)
    used: dict[str, Usage] = {}
    for name, pid in moment.pids:
        if pid in by_pid:
            used[name] = used.get(name, Usage()) + by_pid[pid]
    families = (
        *moment.families,
        *present.of_servers(moment.snapshot, moment.traffic),
        *present.of_processes(used),
    )

    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    GCCollector(registry)
    encode, content_type = choose_encoder(accept)
    modern = content_type.startswith("application/openmetrics-text")
    # Ours first: OpenMetrics ends with a mark that the library writes.
    return Page(exposition(families, PREFIX, modern) + encode(registry), content_type)


class Dropping(Protocol):
    """What loses things rather than wait, and counts them."""

    @property
    def dropped(self) -> int: ...


class Listeners(Dropping, Protocol):
    """The event streams."""

    @property
    def clients(self) -> int: ...


class Exporter:
    """Takes the moments that are scraped; on the engine's loop."""

    def __init__(
        self,
        counters: Counters,
        sessions: Sessions,
        privates: Privates,
        search: ToolSearch,
        version: str,
    ) -> None:
        self._counters = counters
        self._sessions = sessions
        self._privates = privates
        self._search = search
        self._build = present.build(version)
        self._started = time.monotonic()
        self._started_at = time.time()

    @property
    def uptime(self) -> float:
        """Seconds since this object was made, which is when the program started."""
        return time.monotonic() - self._started

    def moment(self, snapshot: Snapshot, events: Listeners, logs: Dropping) -> Moment:
        """Everything one scrape shows, as it is now."""
        self._forget_strangers(snapshot)
        private = self._privates.held()
        families = (
            *map(frozen, self._counters),
            present.of_config(snapshot),
            present.gauge(
                "index_documents", "Tools that searches look through.", self._search.documents
            ),
            present.gauge("sse_clients", "Clients that listen to /events.", events.clients),
            present.gauge(
                "tasks",
                "Tasks of the event loop: at rest always the same.",
                len(asyncio.all_tasks()),
            ),
            present.gauge("uptime_seconds", "Time since this program started.", self.uptime),
            present.gauge(
                "start_time_seconds", "When this program started.", round(self._started_at, 3)
            ),
            Counter(
                "log_lines_dropped",
                "Log lines lost because a file could not be written, or not fast enough.",
                (),
                {present.NO_LABELS: logs.dropped},
            ),
            Counter(
                "sse_dropped_events",
                "Notices that listeners of /events did not get because they read too slowly.",
                (),
                {present.NO_LABELS: events.dropped},
            ),
            self._build,
        )
        pids = [(each.name, each.pid) for each in snapshot.servers.values()]
        pids += [(held.server, held.pid) for held in private]
        return Moment(
            snapshot,
            present.traffic(snapshot, self._sessions, private),
            families,
            tuple((name, pid) for name, pid in pids if pid is not None),
        )

    def _forget_strangers(self, snapshot: Snapshot) -> None:
        """A call may end after its server was removed; it is not to bring its series back."""
        for family in self._counters:
            if "server" in family.labels:
                at = family.labels.index("server")
                named = {labels[at] for labels in family.values}
                family.forget("server", named.difference(snapshot.servers))

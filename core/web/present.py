"""What is true at this moment as gauges, read from the snapshot when somebody scrapes."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.model.status import Phase, ServerStatus, Snapshot
from core.ports import Held, Sessions
from core.protocol.calls import Session
from core.telemetry.families import Counter, Family, Gauge, Labels
from core.telemetry.usage import Usage

NO_LABELS: Labels = ()


def gauge(name: str, text: str, value: float) -> Gauge:
    """A gauge without labels."""
    return Gauge(name, text, (), {NO_LABELS: value})


def build(version: str) -> Gauge:
    """What runs here."""
    values: dict[Labels, float] = {(version, platform.python_version()): 1.0}
    return Gauge("build_info", "The version that runs.", ("version", "python"), values)


@dataclass(slots=True)
class Traffic:
    """Requests with one server, over the connection that clients share and those of single ones."""

    in_flight: int = 0
    waiting: int = 0
    private: int = 0  # connections

    def add(self, session: Session) -> None:
        self.in_flight += session.in_flight
        self.waiting += session.waiting


NO_TRAFFIC = Traffic()


def traffic(
    snapshot: Snapshot, sessions: Sessions, private: Sequence[Held]
) -> Mapping[str, Traffic]:
    """By server, of those that can be called; on the engine's loop, which owns conversations."""
    found: dict[str, Traffic] = {}
    for name in snapshot.servers:
        session = sessions.get(name)
        if session is not None:
            found[name] = Traffic()
            found[name].add(session)
    for held in private:
        own = found.setdefault(held.server, Traffic())
        own.add(held.session)
        own.private += 1
    return found


def of_servers(snapshot: Snapshot, traffic: Mapping[str, Traffic]) -> Iterable[Family]:
    """Everything about the servers; those that were removed are not in it."""
    servers = list(snapshot.servers.values())

    yield Gauge(
        "servers",
        "Servers in each state.",
        ("state",),
        {(phase.value,): float(sum(each.phase is phase for each in servers)) for phase in Phase},
    )
    yield Gauge(
        "server_state",
        "1 for the state a server is in, 0 for all others.",
        ("server", "state"),
        {
            (each.name, phase.value): float(each.phase is phase)
            for each in servers
            for phase in Phase
        },
    )
    yield Gauge(
        "server_info",
        "How a server is reached and, while it is ready, the protocol version it speaks.",
        ("server", "transport", "protocol_version"),
        {(each.name, each.kind, _protocol_version(each)): 1.0 for each in servers},
    )
    yield gauge(
        "tools", "Tools of all ready servers.", float(sum(len(each.tools) for each in servers))
    )
    yield _per_server(
        "server_tools", "Tools a server offers now.", {s.name: len(s.tools) for s in servers}
    )
    yield _per_server(
        "tools_pending_approval",
        "Tools of a server that nobody was asked about yet.",
        {s.name: len(s.review.pending) for s in servers},
    )
    yield _per_server(
        "tools_changed",
        "Tools of a server that are no longer what was approved, and so are not offered.",
        {s.name: len(s.review.changed) for s in servers},
    )
    yield _per_server(
        "server_next_retry_timestamp_seconds",
        "When a server in backoff is tried again; 0 if it is not in backoff.",
        {s.name: s.retry_at.timestamp() if s.retry_at is not None else 0 for s in servers},
    )
    busy = {each.name: traffic.get(each.name, NO_TRAFFIC) for each in servers}
    yield _per_server(
        "private_connections",
        "Connections to a server that one client has for itself.",
        {name: each.private for name, each in busy.items()},
    )
    yield _per_server(
        "requests_in_flight",
        "Requests a server has and did not answer yet.",
        {name: each.in_flight for name, each in busy.items()},
    )
    yield _per_server(
        "queue_depth",
        "Requests that wait until a server may have them.",
        {name: each.waiting for name, each in busy.items()},
    )


def of_processes(used: Mapping[str, Usage]) -> Iterable[Family]:
    """What servers that are processes use, by their names; read at the moment of asking."""
    yield _per_server(
        "server_resident_memory_bytes",
        "Memory of a server's processes; pages they share are counted in each.",
        {name: each.resident_bytes for name, each in used.items()},
    )
    yield Counter(
        "server_cpu_seconds",
        "Processor time of a server's processes.",
        ("server",),
        {(name,): each.cpu_seconds for name, each in used.items()},
    )
    yield _per_server(
        "server_open_fds",
        "Open files and sockets of a server's processes.",
        {name: each.open_fds for name, each in used.items()},
    )


def of_config(snapshot: Snapshot) -> Gauge:
    return gauge(
        "config_last_reload_successful",
        "1 if the newest version of the config file is in use, 0 if it was rejected.",
        float(snapshot.config_problem is None),
    )


def _per_server(name: str, text: str, values: Mapping[str, float]) -> Gauge:
    return Gauge(name, text, ("server",), {(key,): float(each) for key, each in values.items()})


def _protocol_version(status: ServerStatus) -> str:
    return status.peer.protocol_version if status.peer is not None else ""

"""Counters and histograms that the core increments where things happen; no exporter here.

Recording is a dict update on the engine's thread: no lock, no library, well under 2 µs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

Labels = tuple[str, ...]


@dataclass(slots=True)
class Counter:
    """A number per label set that only grows; ``name`` without prefix and ``_total``."""

    name: str
    help: str
    labels: Labels
    values: dict[Labels, float] = field(default_factory=dict)

    def inc(self, *labels: str) -> None:
        values = self.values
        values[labels] = values.get(labels, 0.0) + 1.0

    def start_at_zero(self, *labels: str) -> None:
        """Make a label set visible before it first happens, so that rates see the first."""
        self.values.setdefault(labels, 0.0)

    def forget(self, label: str, value: str) -> None:
        """Drop every series in which ``label`` has ``value``."""
        _forget(self.labels, self.values, label, value)


@dataclass(slots=True)
class Cell:
    """One histogram series: observations per bucket (not cumulative; the last is +Inf)."""

    counts: list[int]
    sum: float = 0.0


@dataclass(slots=True)
class Histogram:
    """Observations in buckets per label set; ``bounds`` ascend, in the metric's unit."""

    name: str
    help: str
    labels: Labels
    bounds: tuple[float, ...]
    values: dict[Labels, Cell] = field(default_factory=dict)

    def observe(self, value: float, *labels: str) -> None:
        cell = self.values.get(labels)
        if cell is None:
            cell = self.values[labels] = Cell([0] * (len(self.bounds) + 1))
        cell.counts[bisect_left(self.bounds, value)] += 1
        cell.sum += value

    def start_at_zero(self, *labels: str) -> None:
        """Make a label set visible before its first observation."""
        self.values.setdefault(labels, Cell([0] * (len(self.bounds) + 1)))

    def forget(self, label: str, value: str) -> None:
        """Drop every series in which ``label`` has ``value``."""
        _forget(self.labels, self.values, label, value)


def _forget(
    names: Labels, values: dict[Labels, float] | dict[Labels, Cell], label: str, value: str
) -> None:
    if label in names:
        at = names.index(label)
        for key in [key for key in values if key[at] == value]:
            del values[key]


class Counters:
    """Every family there is; names, labels and buckets are spec.md §8's."""

    def __init__(self) -> None:
        self.supervisor_reconciliations = Counter(
            "supervisor_reconciliations",
            "Comparisons of wanted and running servers, by result.",
            ("result",),
        )
        self.supervisor_reconciliation_duration = Histogram(
            "supervisor_reconciliation_duration_seconds",
            "Time one comparison of wanted and running servers took.",
            (),
            (0.01, 0.05, 0.1, 0.5, 1, 2, 5),
        )
        self.supervisor_state_changes = Counter(
            "supervisor_state_changes",
            "Changes of a server's published phase.",
            ("server", "from_state", "to_state"),
        )
        self.actor_state_transitions = Counter(
            "actor_state_transitions",
            "Steps of a server's state machine, published or not.",
            ("server", "from_state", "to_state"),
        )
        self.actor_connect_duration = Histogram(
            "actor_connect_duration_seconds",
            "Time from opening a connection to ready, or to its failure.",
            ("server", "result"),
            (0.1, 0.5, 1, 2, 5, 10, 30, 60),
        )
        self.actor_retries = Counter(
            "actor_retries", "Connection attempts made by the retry timer.", ("server",)
        )
        self.actor_failures = Counter(
            "actor_failures",
            "Connections that ended in a fault, by fault code.",
            ("server", "error_type"),
        )
        self.tool_calls = Counter(
            "tool_calls", "Tool calls by outcome.", ("server", "tool", "status")
        )
        self.tool_call_duration = Histogram(
            "tool_call_duration_seconds",
            "Time from a tool call's arrival to its answer.",
            ("server", "tool", "status"),
            (0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30),
        )
        self.protocol_violations = Counter(
            "protocol_violations",
            "Things a server sent that MCP does not allow, by kind.",
            ("server", "kind"),
        )
        self.http_requests = Counter(
            "http_requests",
            "HTTP requests answered, by route template.",
            ("method", "route", "code"),
        )
        self.event_loop_stalls = Counter(
            "event_loop_stalls",
            "Times the event loop stood still for seconds; a file stacks-*.txt tells where.",
            (),
        )
        self.unhandled_errors = Counter(
            "unhandled_errors",
            "Errors nobody expected that ended one task or callback; main.log tells where.",
            (),
        )

    def __iter__(self) -> Iterator[Counter | Histogram]:
        return iter(vars(self).values())

    def forget_server(self, name: str) -> None:
        """A removed server's series disappear."""
        for family in self:
            family.forget("server", name)

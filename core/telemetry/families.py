"""Counters, gauges and histograms: what is counted, by label set, and nothing about its export.

Recording is a dict update on the engine's thread: no lock, no library, well under 2 µs.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Set
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

    def add(self, amount: float, *labels: str) -> None:
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def start_at_zero(self, *labels: str) -> None:
        """Make a label set visible before it first happens, so that rates see the first."""
        self.values.setdefault(labels, 0.0)

    def forget(self, label: str, gone: Set[str]) -> None:
        """Drop every series in which ``label`` is one of those."""
        _forget(self.labels, self.values, label, gone)


@dataclass(slots=True)
class Gauge:
    """A number per label set that is what it was last set to."""

    name: str
    help: str
    labels: Labels
    values: dict[Labels, float] = field(default_factory=dict)

    def set(self, value: float, *labels: str) -> None:
        self.values[labels] = value

    def forget(self, label: str, gone: Set[str]) -> None:
        """Drop every series in which ``label`` is one of those."""
        _forget(self.labels, self.values, label, gone)


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation that can be looked up elsewhere; ``at`` is seconds since the epoch."""

    trace_id: str
    value: float
    at: float


@dataclass(slots=True)
class Cell:
    """One histogram series: observations per bucket (not cumulative; the last is +Inf).

    ``exemplars`` has the newest of each bucket, by the bucket's number.
    """

    counts: list[int]
    sum: float = 0.0
    exemplars: dict[int, Exemplar] | None = None


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

    def observe_traced(self, trace_id: str, value: float, *labels: str) -> None:
        """As ``observe``, and remember which trace it belongs to."""
        self.observe(value, *labels)
        cell = self.values[labels]
        if cell.exemplars is None:
            cell.exemplars = {}
        bucket = bisect_left(self.bounds, value)
        cell.exemplars[bucket] = Exemplar(trace_id, value, time.time())

    def start_at_zero(self, *labels: str) -> None:
        """Make a label set visible before its first observation."""
        if labels not in self.values:
            self.values[labels] = Cell([0] * (len(self.bounds) + 1))

    def forget(self, label: str, gone: Set[str]) -> None:
        """Drop every series in which ``label`` is one of those."""
        _forget(self.labels, self.values, label, gone)


Family = Counter | Gauge | Histogram


def frozen(family: Family) -> Family:
    """A copy that later counting does not touch."""
    if isinstance(family, Counter):
        return Counter(family.name, family.help, family.labels, dict(family.values))
    if isinstance(family, Gauge):
        return Gauge(family.name, family.help, family.labels, dict(family.values))
    cells = {
        key: Cell(list(cell.counts), cell.sum, dict(cell.exemplars) if cell.exemplars else None)
        for key, cell in family.values.items()
    }
    return Histogram(family.name, family.help, family.labels, family.bounds, cells)


def _forget(
    names: Labels, values: dict[Labels, float] | dict[Labels, Cell], label: str, gone: Set[str]
) -> None:
    if label in names:
        at = names.index(label)
        for key in [key for key in values if key[at] in gone]:
            del values[key]

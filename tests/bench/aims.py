"""What we aim for, beside what was found: each aim points at one row of the tables.

The figures are absolute where a person would notice, and ratios where machines differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.result import Row

ADDRESS = "/mcp/s/{server}"


@dataclass(frozen=True, slots=True)
class Aim:
    """``most`` is what the row's value may be, in its unit, or its ratio where ``ratio``."""

    row: str  # its name, or with … at its end how that begins
    most: float
    ratio: bool = False
    least: bool = False  # the figure is to be at least that, not at most

    def found(self, row: Row) -> float | None:
        return row.ratio if self.ratio else row.value

    def is_of(self, row: Row) -> bool:
        begin = self.row.removesuffix("…")
        return row.name == begin or (begin != self.row and row.name.startswith(begin))

    def met(self, row: Row) -> bool:
        found = self.found(row)
        if found is None:
            return False
        return found >= self.most if self.least else found <= self.most


AIMS = (
    Aim("the nearest of…", 1, ratio=True, least=True),
    Aim("the best of…", 6, ratio=True, least=True),
    Aim(f"{ADDRESS}, 16 clients", 1.5, ratio=True),
    Aim(f"{ADDRESS}, 16 clients: CPU", 1.5, ratio=True),
    Aim(f"{ADDRESS}, 1 client: p50 added to a direct pipe's", 0.3),
    Aim(f"{ADDRESS}, results of 1 MB, 1 client", 1.3, ratio=True),
    Aim("read one server of 1000", 100),
    Aim("publish one server of 1000", 20),
    Aim("the list of 10 servers, one of which hangs: p99", 10),
    Aim("killed until a call works again, less that wait", 200),
    Aim("killed until it shows on /events", 200),
    Aim("idle with 50 servers: wakeups", 1),
    Aim("idle with 50 servers: CPU", 0.1),
    Aim("0 servers: resident memory", 45),
    Aim("50 servers: resident memory", 50),
    Aim("process start to the icon in a panel", 600),
    Aim("process start to the answer of /healthz", 500),
    Aim("process start to 50 servers ready, their own…", 1.2, ratio=True),
    Aim("search of 10000 tools, 4 words", 10),
    Aim("recall@5 by words…", 0.70, least=True),
)


def judged(rows: Sequence[Row]) -> list[tuple[Aim, Row | None]]:
    """Each aim with its row, if that was measured."""
    return [(aim, next(filter(aim.is_of, rows), None)) for aim in AIMS]


def told(rows: Sequence[Row], *, all_of_them: bool = True) -> str:
    """A line for each aim that was measured, or for ``all_of_them``."""
    lines = []
    for aim, row in judged(rows):
        if row is None:
            if all_of_them:
                lines.append(f"        {aim.row}: not measured")
            continue
        kind = "ratio" if aim.ratio else row.unit
        bound = "at least" if aim.least else "at most"
        verdict = "met   " if aim.met(row) else "missed"
        found = f"{aim.found(row):.3g} {kind}".rstrip()
        lines.append(f"{verdict}  {row.name}: {found}, {bound} {aim.most:g}")
    return "\n".join(lines)

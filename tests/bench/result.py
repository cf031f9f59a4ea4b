"""What a measurement found: a value, the floor it is compared with, and the ratio of the two."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value, which is a median where there were several rounds.

    ``floor`` was measured in the same run, in turns with the value; without one there is nothing
    to compare with, and ``floor_name`` is empty.
    """

    name: str
    value: float
    unit: str
    floor_name: str = ""
    floor: float = 0.0
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times as costly as the floor: 1 is as good, 2 is twice the cost."""
        above, below = (self.floor, self.value) if self.more_is_better else (self.value, self.floor)
        return above / below if self.floor_name and below else None


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: ``rounds`` in turns, each of ``seconds``; ``watch`` seconds of rest."""

    rounds: int = 5
    seconds: float = 1.0
    watch: float = 60.0
    quick: bool = False


QUICK = Scale(rounds=2, seconds=0.5, watch=5.0, quick=True)


@dataclass(slots=True)
class Samples:
    """Measured values by what was measured; read as medians."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, key: str, value: float) -> None:
        self.values.setdefault(key, []).append(value)

    def __getitem__(self, key: str) -> float:
        return median(self.values[key])


def say(sentence: str) -> None:
    """Tell what is not in the table, and why."""
    sys.stderr.write(f"bench: {sentence}\n")
    sys.stderr.flush()


def table(rows: Iterable[Row]) -> str:
    """The rows for a person, ratio first."""
    lines = [("ratio", "what", "measured", "floor")]
    for row in rows:
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        floor = f"{_number(row.floor)} {row.unit} {row.floor_name}" if row.floor_name else ""
        lines.append((ratio, row.name, f"{_number(row.value)} {row.unit}", floor))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        f"{ratio:>{widths[0]}}  {name:<{widths[1]}}  {value:>{widths[2]}}  {floor}".rstrip()
        for ratio, name, value, floor in lines
    )


def plain(row: Row) -> dict[str, object]:
    """The same for a program."""
    return {**asdict(row), "ratio": row.ratio}


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"

"""Renews the tables of docs/benchmarks.md: ``python -m tests.bench.report FOUND.json …``.

The files are what ``bench --json`` wrote; of a measurement that several have, the last counts. A
table stands in the page between ``<!-- table NAME -->`` and ``<!-- end -->``, and only what was
measured is replaced.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.aims import judged
from tests.bench.calls import CLIENTS, SIZES, asked_by
from tests.bench.peers.measure import OURS
from tests.bench.result import Row
from tests.bench.targets import BARE, BARE_HTTP
from tests.program import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
ABSENT = "-"
BY_URL = "/mcp/s/{server by URL}"

_TABLE = re.compile(r"(<!-- table ([^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_COUNTED = ", 16 clients: instructions"
_OF_PEERS = {
    "CPU, 16 clients": "CPU per call, us",
    "calls, 16 clients": "calls/s",
    "p50, 1 client": "p50 of one client, ms",
    "results of 1 MB, 1 client": "1 MB results, MB/s",
    "memory after the work": "memory, MB",
    "wakeups at rest": "wakeups/s at rest",
}
_KILLED = "a server is killed until a call works again"

Found = Mapping[str, Sequence[Row]]  # by measurement


def read(documents: Iterable[Mapping[str, Any]]) -> Found:
    found: dict[str, list[Row]] = {}
    for document in documents:
        rows: dict[str, list[Row]] = {}
        for entry in document["rows"]:
            rows.setdefault(entry["measurement"], []).append(_row(entry))
        found |= rows
    return found


def circumstances(documents: Iterable[Mapping[str, Any]]) -> str:
    """When, of what and on what each of the files was measured, and how busy the machine was."""
    lines = []
    for document in documents:
        machine, versions, loads = (document[name] for name in ("machine", "versions", "loads"))
        lines.append(
            (
                " ".join(document["command"][:1] + sorted({*_measured(document)})),
                document["when"].replace("T", " ").removesuffix("+00:00"),
                versions["commit"],
                f"{machine['cores']} cores, {machine['processor']}, Python {versions['python']}",
                f"{min(loads):.0f} to {max(loads):.0f}",
            )
        )
    heads = ("what", "when (UTC)", "of", "on", "load")
    return _table(heads, lines, "lllll")


def _measured(document: Mapping[str, Any]) -> Iterable[str]:
    return (entry["measurement"] for entry in document["rows"])


def renewed(page: str, documents: Sequence[Mapping[str, Any]]) -> str:
    """The page with the tables of what was measured anew."""
    found = read(documents)

    def table(match: re.Match[str]) -> str:
        name = match[2]
        measurement, _, figure = name.partition(":")
        if name == "circumstances":
            made = circumstances(documents)
        elif name != "aims" and measurement not in found:
            return match[0]
        else:
            made = TABLES.get(measurement, _plain)(found, name, figure.strip())
        return f"{match[1]}{made}\n{match[3]}"

    return _TABLE.sub(table, page)


def _row(entry: Mapping[str, Any]) -> Row:
    return Row(**{name: entry[name] for name in Row.__dataclass_fields__})


def _plain(found: Found, name: str, _: str) -> str:
    lines = [
        (
            _ratio(row),
            row.name,
            _measured_as(row),
            f"{_number(row.floor)} {row.unit}, {row.floor_name}" if row.floor_name else ABSENT,
        )
        for row in found[name]
    ]
    return _table(("ratio", "what", "measured", "floor"), lines, "rllr")


def _aims(found: Found, *_: str) -> str:
    rows = [row for each in found.values() for row in each]
    lines = []
    for aim, row in judged(rows):
        unit = " times" if aim.ratio else f" {row.unit}".rstrip() if row is not None else ""
        bound = f"{'at least' if aim.least else 'at most'} {aim.most:g}{unit}"
        if row is None:
            lines.append((aim.row, bound, ABSENT, "not measured"))
        else:
            verdict = "met" if aim.met(row) else "**missed**"
            lines.append((row.name, bound, f"{_number(aim.found(row) or 0)}{unit}", verdict))
    return _table(("what", "aim", "found", ""), lines, "lrrl")


def _addresses(found: Found, name: str, figure: str) -> str:
    """Calls by address and number of clients, or by size too."""
    measurement = name.partition(":")[0]
    columns = [asked_by(clients) for clients in CLIENTS]
    if measurement == "large":
        columns = [
            f"results of {size}, {asked_by(clients)}"
            for size in SIZES.values()
            for clients in CLIENTS[:2]
        ]
    rows = {row.name: row for row in found[measurement]}
    suffix = f": {figure}" if figure else ""
    addresses = {row.name.partition(", ")[0]: None for row in found[measurement] if row.floor_name}
    lines = [
        (address, *(_cell(rows.get(f"{address}, {column}{suffix}")) for column in columns))
        for address in addresses
    ]
    for floor, address in ((BARE, "/mcp/s/{server}"), (BARE_HTTP, BY_URL)):
        under = [rows.get(f"{address}, {column}{suffix}") for column in columns]
        shown = (_number(row.floor) if row is not None else ABSENT for row in under)
        lines.append((f"*{floor}*", *shown))
    return _table(("", *columns), lines)


def _counted(found: Found, *_: str) -> str:
    lines = [
        (
            row.name.removesuffix(_COUNTED),
            _number(row.value),
            f"**{_ratio(row)}**",
            f"{_number(row.floor)}, {row.floor_name}",
        )
        for row in found["instructions"]
    ]
    return _table(("", "instructions", "ratio", "compared with"), lines, "lrrl")


def _peers(found: Found, *_: str) -> str:
    rows = {row.name: row for row in found["peers"]}
    counted = {row.name.removesuffix(_COUNTED): row for row in found.get("instructions", ())}
    names = {
        name.partition(": ")[0]: None
        for name in rows
        if not name.startswith(("the nearest", "the best", OURS))
    }
    some = [
        next((rows[f"{n}: {c}"] for n in names if f"{n}: {c}" in rows), None) for c in _OF_PEERS
    ]
    ours = (_number(row.floor) if row is not None else ABSENT for row in some)
    mine = next((row.floor for row in counted.values() if row.floor_name.startswith(OURS)), None)
    lines = [(f"**{OURS}**", ABSENT if mine is None else _number(mine), *ours, _killed(rows, OURS))]
    for name in names:
        cells = (_cell(rows.get(f"{name}: {column}")) for column in _OF_PEERS)
        lines.append((name, _cell(counted.get(name)), *cells, _killed(rows, name)))
    heads = ("", "instructions per call", *_OF_PEERS.values(), "killed until it works, s")
    return _table(heads, lines)


def _killed(rows: Mapping[str, Row], name: str) -> str:
    row = rows.get(f"{name}: {_KILLED}")
    return _number(row.value) if row is not None else "never"


def _growth(found: Found, *_: str) -> str:
    work: dict[str, dict[str, Row]] = {}
    for row in found["growth"]:
        name, among = row.name.rsplit(", ", 1)
        work.setdefault(name, {})[among.partition(" ")[0]] = row
    sizes = list(dict.fromkeys(size for each in work.values() for size in each))
    lines = [
        (
            name,
            *(_measured_as(at[size]) if size in at else ABSENT for size in sizes),
            _ratio(list(at.values())[-1]),
        )
        for name, at in work.items()
    ]
    return _table(("", *sizes, "last to first"), lines)


def _shares(found: Found, *_: str) -> str:
    lines = [
        (row.name, _measured_as(row), f"{100 * (row.ratio or 0):.1f} %")
        for row in found["recorders"]
    ]
    return _table(("", "per call", "share of its CPU"), lines)


TABLES: Mapping[str, Callable[[Found, str, str], str]] = {
    "aims": _aims,
    "calls": _addresses,
    "large": _addresses,
    "instructions": _counted,
    "peers": _peers,
    "growth": _growth,
    "recorders": _shares,
}


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]], sides: str = "") -> str:
    """``sides``: l or r for each column; without it all but the first are numbers."""
    sides = sides or "l" + "r" * (len(heads) - 1)
    rule = ["---:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))


def _cell(row: Row | None) -> str:
    """The ratio, and the value it is of."""
    return ABSENT if row is None else f"**{_ratio(row)}** ({_number(row.value)})"


def _measured_as(row: Row) -> str:
    return f"{_number(row.value)} {row.unit}".rstrip()


def _ratio(row: Row) -> str:
    return ABSENT if row.ratio is None else f"{row.ratio:.2f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FOUND.json")
    asked = parser.parse_args()
    documents = [json.loads(file.read_text()) for file in asked.files]
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(page, documents), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

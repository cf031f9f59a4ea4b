"""``python -m tests.bench [NAME …] [--quick] [--json FILE]``: measure, and show what came of it.

``python -m tests.bench peers --install`` installs the other gateways first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path

import dev
from tests.bench import (
    calls,
    growth,
    idle,
    instructions,
    memory,
    menu,
    metrics,
    recorders,
    recovery,
    search,
    snapshot,
    startup,
    watching,
)
from tests.bench.aims import judged, told
from tests.bench.machine import described
from tests.bench.peers import install
from tests.bench.peers import measure as peers
from tests.bench.process import PROC
from tests.bench.result import QUICK, Row, Scale, plain, say, table

MEASUREMENTS: dict[str, Callable[[Scale], Coroutine[None, None, list[Row]]]] = {
    "calls": calls.measure,
    "large": calls.measure_large,
    "instructions": instructions.measure,
    "peers": peers.measure,
    "recovery": recovery.measure,
    "startup": startup.measure,
    "idle": idle.measure,
    "memory": memory.measure,
    "watching": watching.measure,
    "snapshot": snapshot.measure,
    "search": search.measure,
    "metrics": metrics.measure,
    "menu": menu.measure,
    "recorders": recorders.measure,
    "growth": growth.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(MEASUREMENTS)}; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--install", action="store_true", help="for peers: install them before")
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}")
    if not (PROC / "self" / "schedstat").exists():
        sys.stderr.write("bench reads CPU times from /proc/PID/schedstat, which is Linux's.\n")
        return 1
    if asked.install:
        try:
            install.install()
        except dev.SetupProblem as problem:
            say(str(problem))
            return 1
    scale = QUICK if asked.quick else Scale()
    names = [name for name in MEASUREMENTS if not asked.names or name in asked.names]
    document = {**described(), "scale": asdict(scale)}
    loads = [os.getloadavg()[0]]
    found: dict[str, list[Row]] = {}
    failed = False
    for name in names:
        try:
            found[name] = asyncio.run(MEASUREMENTS[name](scale))
        except (ConnectionError, TimeoutError) as problem:
            say(f"{name} is not measured: {str(problem) or 'something took too long'}.")
            failed = True
            continue
        loads.append(os.getloadavg()[0])
        sys.stdout.write(f"\n{name}\n{table(found[name])}\n")
        sys.stdout.flush()
    rows = [row for each in found.values() for row in each]
    sys.stdout.write(
        f"\nwhat we aim for\n{told(rows, all_of_them=not asked.names)}\n\n"
        "The ratio is the cost in multiples of the floor's, measured in turns with it: 1 is as "
        f"good.\n{os.cpu_count()} cores, load {min(loads):.1f} to {max(loads):.1f}.\n"
    )
    if asked.json is not None:
        document["loads"] = loads
        document["rows"] = [
            {"measurement": name, **plain(row)} for name, each in found.items() for row in each
        ]
        document["aims"] = [
            {**asdict(aim), "met": aim.met(row)} for aim, row in judged(rows) if row is not None
        ]
        asked.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

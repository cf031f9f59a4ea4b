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
from pathlib import Path

import dev
from tests.bench import (
    calls,
    growth,
    idle,
    instructions,
    memory,
    metrics,
    recorders,
    recovery,
    search,
    snapshot,
    startup,
    watching,
)
from tests.bench.peers import install
from tests.bench.peers import measure as peers
from tests.bench.process import PROC
from tests.bench.result import QUICK, Row, Scale, document, say, table

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
    rows: list[Row] = []
    for name, measure in MEASUREMENTS.items():
        if asked.names and name not in asked.names:
            continue
        found = asyncio.run(measure(scale))
        rows += found
        sys.stdout.write(f"\n{name}\n{table(found)}\n")
        sys.stdout.flush()
    load = os.getloadavg()[0]
    sys.stdout.write(
        "\nThe ratio is the cost in multiples of the floor's, measured in turns with it: 1 is as "
        f"good.\n{os.cpu_count()} cores, load {load:.1f} at the end.\n"
    )
    if asked.json is not None:
        asked.json.write_text(json.dumps(document(rows, scale), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

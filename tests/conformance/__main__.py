"""``python -m tests.conformance``: run all of the suite and write down what it finds.

With the names of rows, only those are run, and nothing is written.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conformance.client import ERAS
from tests.conformance.halves import run_client_half, run_server_half
from tests.conformance.report import PAGE, render
from tests.conformance.suite import Failures
from tests.conformance.wiring import WIRINGS


def say(row: str, found: dict[str, Failures]) -> None:
    for revision, failures in found.items():
        lines = [f"{row}, {revision}: {len(failures)} failing"]
        lines += [f"  {name}: {check}" for name, checks in failures.items() for check in checks]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


async def main() -> None:
    server: dict[tuple[str, str], Failures] = {}
    client: dict[tuple[str, str], Failures] = {}
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        for number, row in enumerate((*WIRINGS, *ERAS)):
            if chosen and row not in chosen:
                continue
            directory = Path(place) / str(number)
            directory.mkdir()
            if row in WIRINGS:
                found = await run_server_half(row, directory)
            else:
                found = await run_client_half(row, directory)
            say(row, found)
            target = server if row in WIRINGS else client
            target.update({(row, revision): failures for revision, failures in found.items()})
    if not chosen:
        PAGE.write_text(render(server, client), encoding="utf-8")


asyncio.run(main())

"""``python -m tests.conformance``: run all of the suite, and publish it if it is as expected.

With the names of rows, only those are run, and nothing is written.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conformance.client import ERAS
from tests.conformance.expected import CLIENT_HALF, SERVER_HALF, SIGN_IN, differing
from tests.conformance.halves import run_client_half, run_server_half, run_sign_in
from tests.conformance.report import PAGE, render
from tests.conformance.suite import Failures
from tests.conformance.wiring import WIRINGS


def say(row: str, found: dict[str, Failures]) -> None:
    for revision, failures in found.items():
        lines = [f"{row}, {revision}: {len(failures)} failing"]
        lines += [f"  {name}: {check}" for name, checks in failures.items() for check in checks]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


async def main() -> int:
    chosen = sys.argv[1:]
    surprises: Failures = {}
    with tempfile.TemporaryDirectory() as place:
        for number, row in enumerate((*WIRINGS, *ERAS, "signing in")):
            if chosen and row not in chosen:
                continue
            directory = Path(place) / str(number)
            directory.mkdir()
            if row in WIRINGS:
                found = await run_server_half(row, directory)
                expected = SERVER_HALF
            elif row in ERAS:
                found = await run_client_half(row, directory)
                expected = CLIENT_HALF
            else:
                found = await run_sign_in(directory)
                expected = SIGN_IN
            say(row, found)
            surprises |= differing(found, expected, row)
    if surprises:
        sys.stdout.write(f"not as expected: {', '.join(surprises)}\n")
        return 1
    if not chosen:
        PAGE.write_text(render(SERVER_HALF, CLIENT_HALF, SIGN_IN), encoding="utf-8")
    return 0


sys.exit(asyncio.run(main()))

"""Runs the official suite, and reads what it found."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.real_servers import NO_NODE, NODE_PACKAGES, newest_node

SUITE = NODE_PACKAGES / "@modelcontextprotocol" / "conformance"
LIMIT = 200.0
"""Seconds for all scenarios of one half; most take less than ten."""

STATEFUL, STATELESS = "2025-11-25", "2026-07-28"
REQUIREMENTS = (STATEFUL, STATELESS)
SIGN_IN = "auth/"
"""How the names of scenarios on signing in begin."""

Failures = dict[str, list[str]]
"""Each scenario with the checks that did not pass; an empty list is a pass."""


def _missing() -> str:
    if shutil.which("node") is None:
        return NO_NODE
    return "" if SUITE.exists() else f"{SUITE} is not there; python3 dev.py test installs it"


needed = pytest.mark.skipif(bool(_missing()), reason=_missing())
"""A mark for tests that cannot do without the suite."""


@dataclass(frozen=True, slots=True)
class Required:
    """The scenarios that a revision of the specification requires."""

    server: tuple[str, ...]
    client: tuple[str, ...]
    sign_in: tuple[str, ...]  # of a client too, on OAuth


@cache
def required(revision: str) -> Required:
    """What counts; the suite runs more than that, and scores no extension."""
    text = (SUITE / "requirements" / f"{revision}.yaml").read_text(encoding="utf-8")
    parts = re.split(r"^(\w+):[ \t]*$", text, flags=re.MULTILINE)
    lists = {
        name: tuple(re.findall(r"^\s*- ([\w/.-]+)[ \t]*$", body, flags=re.MULTILINE))
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    sign_in = tuple(name for name in lists["client"] if name.startswith(SIGN_IN))
    client = tuple(name for name in lists["client"] if name not in sign_in)
    return Required(lists["server"], client, sign_in)


@cache
def version() -> str:
    """The suite's own version."""
    found: str = json.loads((SUITE / "package.json").read_text(encoding="utf-8"))["version"]
    return found


async def server_half(url: str, revision: str, directory: Path) -> Failures:
    """Run every scenario that a server must pass against a URL; what did not pass.

    The suite waits 0.8 or 1.5 s for some things, which a busy machine may need to itself: what
    did not pass is run once more, alone.
    """
    first, second = directory / "first", directory / "second"
    await _run("server", "--url", url, "--requirements", revision, "-o", str(first))
    failed = failing(read(first, required(revision).server))
    for scenario in failed:
        chosen = ("--scenario", scenario, "--spec-version", revision)
        await _run("server", "--url", url, *chosen, "-o", str(second))
    return failing(read(second, tuple(failed)))


async def client_scenario(scenario: str, revision: str, command: str, directory: Path) -> list[str]:
    """Run one scenario that a client must pass; the suite adds its URL to the command.

    Once more if it did not pass, for the same reason.
    """
    arguments = ("--scenario", scenario, "--spec-version", revision, "--command", command)
    checks: list[str] = []
    for attempt in ("first", "second"):
        place = directory / attempt
        said = await _run("client", *arguments, "--verbose", "-o", str(place))
        checks = read(place, (scenario,))[scenario]
        if said.returncode != 0 and not checks:
            checks = [f"the suite ended so: {said.tail}"]
        if not checks:
            break
    return checks


@dataclass(frozen=True, slots=True)
class Said:
    """How a run of the suite ended."""

    returncode: int
    tail: str


async def _run(*arguments: str) -> Said:
    process = await asyncio.create_subprocess_exec(
        newest_node(),
        str(SUITE / "dist" / "index.js"),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(errors="replace")[-1000:])


def read(directory: Path, scenarios: tuple[str, ...]) -> Failures:
    """What the suite wrote down; a scenario that left nothing did not run, and has failed."""
    found: Failures = {}
    for file in sorted(directory.glob("**/checks.json")):
        name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        # A scenario's own name may hold a slash, which the suite makes a directory.
        if file.parent.parent != directory:
            name = f"{file.parent.parent.name}/{name}"
        checks = json.loads(file.read_text(encoding="utf-8"))
        found.setdefault(name, []).extend(
            f"{check['id']}: {check.get('errorMessage', '')}"
            for check in checks
            if check["status"] in {"FAILURE", "WARNING"}
        )
    return {name: found.get(name, ["it did not run"]) for name in scenarios}


def failing(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Only the scenarios that did not pass."""
    return {name: checks for name, checks in found.items() if checks}

"""The table that ``docs/conformance.md`` publishes."""

from __future__ import annotations

from collections.abc import Mapping

from tests.conformance.suite import REQUIREMENTS, required, version
from tests.program import ROOT

PAGE = ROOT / "docs" / "conformance.md"

Failing = Mapping[tuple[str, str], Mapping[str, str]]
"""By row and revision: the scenarios that do not pass, each with why."""

CLIENTS = {"legacy": "with a client up to 2025-11-25", "2026-07-28": "with a client of 2026-07-28"}

INTRODUCTION = """\
# Conformance

Written by `python -m tests.conformance`; every run of the tests finds the same or fails.

The suite is the official one, `@modelcontextprotocol/conformance` {version}, with its frozen
requirement sets of two revisions of the specification. A scenario counts as passed when none of
its checks fails or warns; what the suite itself does not score (extensions, pending scenarios)
is left out.
"""

SERVER = """
## Server half

The suite is the client. Its scenarios call tools, prompts and resources of certain names, which
the reference server of our tests has (`tests/fakes/reference_server`, written with the official
Python SDK). The first row is that server alone: the most that anything in front of it can reach.
It speaks both revisions, and to us the newer one, so that the first column is a client of the
older one in front of a server of the newer. In the last row the server knows only the older one,
so that its second column is the other way round.
"""

CLIENT = """
## Client half

The suite is the server, and we are its client. Each scenario runs with the official Python SDK's
client of either era behind us, since what we say to a server must be right whoever asked us.
"""

SIGNING_IN = """
## Client half: signing in

The scenarios on OAuth, each behind a person who chooses "Sign in" when the server asks for it, up
to three times, and whose browser follows the link.
"""


def render(server: Failing, client: Failing, sign_in: Failing) -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(version=version()), SERVER]
    rows = list(dict.fromkeys(row for row, _ in server))
    parts.append(_table(rows, server, {each: len(required(each).server) for each in REQUIREMENTS}))
    parts.append(CLIENT)
    sizes = {each: len(required(each).client) for each in REQUIREMENTS}
    named = {(CLIENTS[row], revision): value for (row, revision), value in client.items()}
    parts.append(_table(list(CLIENTS.values()), named, sizes))
    parts.append(SIGNING_IN)
    sizes = {each: len(required(each).sign_in) for each in REQUIREMENTS}
    parts.append(_table(["signing in"], sign_in, sizes))
    missing = [
        f"- `{scenario}` ({row}, {revision}): {why}"
        for (row, revision), scenarios in {**server, **named, **sign_in}.items()
        for scenario, why in sorted(scenarios.items())
    ]
    if missing:
        parts.append("\n## What does not pass, and why\n\n")
        parts.append("\n".join(missing) + "\n")
    return "".join(parts)


def _table(rows: list[str], failing: Failing, sizes: Mapping[str, int]) -> str:
    lines = ["", f"| | {' | '.join(REQUIREMENTS)} |", f"|---|{'---|' * len(REQUIREMENTS)}"]
    for row in rows:
        cells = [f"{sizes[each] - len(failing[row, each])}/{sizes[each]}" for each in REQUIREMENTS]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"

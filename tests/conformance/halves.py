"""Runs each half of the suite against one arrangement, and gives what did not pass."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.conformance.client import Era, Json, act, relayed
from tests.conformance.suite import (
    REQUIREMENTS,
    Failures,
    client_scenario,
    required,
    server_half,
)
from tests.conformance.wiring import WIRINGS
from tests.program import Home, RunningProgram, program

AT_ONCE = 3
"""Scenarios of the client half; each is a process that mostly starts."""


async def run_server_half(wiring: str, directory: Path) -> dict[str, Failures]:
    """Both revisions' scenarios in one wiring: what did not pass, by revision."""
    home = directory / "home"
    home.mkdir()
    async with WIRINGS[wiring](home) as url:
        return {
            revision: await server_half(url, revision, directory / revision)
            for revision in REQUIREMENTS
        }


class Between:
    """One running instance of ours, with a server entry for each scenario that is going on."""

    def __init__(self, home: Home, running: RunningProgram, era: Era) -> None:
        self._home = home
        self._running = running
        self._era = era
        self._entries: dict[str, Json] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, scenario: str, revision: str) -> list[str]:
        """The checks of one scenario that did not pass."""
        name = f"{scenario}-{revision}"

        async def arrived(url: str, context: Json) -> None:
            self._entries[name] = {"url": url}
            self._home.configure(self._entries)
            await self._running.until(
                lambda world: world["servers"].get(name, {}).get("status") in {"ready", "failed"}
            )
            try:
                await act(scenario, f"{self._running.endpoint}/s/{name}", self._era, context)
            finally:
                del self._entries[name]
                self._home.configure(self._entries)

        async with self._turns, relayed(arrived) as command:
            place = self._home.directory / name
            return await client_scenario(scenario, revision, command, place)


async def run_client_half(era: Era, directory: Path) -> dict[str, Failures]:
    """Every scenario with a client of one era: what did not pass, by revision."""
    home = Home(directory)
    home.configure({})
    async with program(home) as running:
        between = Between(home, running, era)
        wanted = [(each, name) for each in REQUIREMENTS for name in required(each).client]
        found = await asyncio.gather(*(between.run(name, each) for each, name in wanted))
    failures: dict[str, Failures] = {revision: {} for revision in REQUIREMENTS}
    for (revision, name), checks in zip(wanted, found, strict=True):
        if checks:
            failures[revision][name] = checks
    return failures

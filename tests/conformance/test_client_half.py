"""What a client must do toward a server, judged by the official suite: we are that client.

Each scenario runs twice: with a client of either era on our other side. What the suite's mock
server sees must be right whoever asked.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conformance.client import Era, Json, act, relayed
from tests.conformance.expected import CLIENT_HALF
from tests.conformance.suite import REQUIREMENTS, client_scenario, needed, required
from tests.program import Home, RunningProgram, program

pytestmark = [needed, pytest.mark.timeout(300)]
ERAS: tuple[Era, ...] = ("legacy", "2026-07-28")


AT_ONCE = 3


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
            await self._running.ready(name)
            try:
                await act(scenario, f"{self._running.endpoint}/s/{name}", self._era, context)
            finally:
                del self._entries[name]
                self._home.configure(self._entries)

        async with self._turns, relayed(arrived) as command:
            place = self._home.directory / name
            return await client_scenario(scenario, revision, command, place)


async def run_client_half(era: Era, directory: Path) -> dict[tuple[str, str], list[str]]:
    """Every scenario with a client of one era: what did not pass, by revision and scenario."""
    home = Home(directory)
    home.configure({})
    async with program(home) as running:
        between = Between(home, running, era)
        wanted = [(each, name) for each in REQUIREMENTS for name in required(each).client]
        found = await asyncio.gather(*(between.run(name, each) for each, name in wanted))
    return {one: checks for one, checks in zip(wanted, found, strict=True) if checks}


@pytest.mark.parametrize("era", ERAS)
async def test_client_half_passes_but_for_what_is_expected(era: Era, tmp_path: Path) -> None:
    """Every scenario passes with a client of this era, but for those listed with a reason."""
    found = await run_client_half(era, tmp_path)
    expected = {(each, name) for each in REQUIREMENTS for name in CLIENT_HALF[each]}
    differing = {
        one: found.get(one, ["expected to fail, and passes"]) for one in set(found) ^ expected
    }
    assert differing == {}

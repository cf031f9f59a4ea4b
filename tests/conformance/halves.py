"""Runs each half of the suite against one arrangement, and gives what did not pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from mcp import MCPError

from tests.conformance.client import Era, Json, act, oauth, relayed
from tests.conformance.suite import (
    REQUIREMENTS,
    SIGN_IN,
    Failures,
    client_scenario,
    required,
    server_half,
)
from tests.conformance.wiring import WIRINGS
from tests.fakes.oauth_server import browse
from tests.program import Home, RunningProgram, program

SETTLED = {"ready", "failed", "auth_required"}
PATIENCE = 3
"""How often a person signs in to one server before they give up."""

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
        name = f"{scenario.replace('/', '-')}-{revision}"

        async def arrived(url: str, context: Json) -> None:
            self._entries[name] = {"url": url, **oauth(scenario, context)}
            self._home.configure(self._entries)
            try:
                await self._settled(name)
                if scenario.startswith(SIGN_IN):
                    await self._as_a_person(scenario, name)
                else:
                    await act(scenario, f"{self._running.endpoint}/s/{name}", self._era, context)
            finally:
                del self._entries[name]
                self._home.configure(self._entries)

        async with self._turns, relayed(arrived) as command:
            place = self._home.directory / name
            return await client_scenario(scenario, revision, command, place)

    async def _settled(self, name: str) -> Json:
        """The server once it waits for somebody."""
        world = await self._running.until(
            lambda world: world["servers"].get(name, {}).get("status") in SETTLED
        )
        server: Json = world["servers"][name]
        return server

    async def _as_a_person(self, scenario: str, name: str) -> None:
        """Sign in as often as it is asked for, but not for ever, and use the tools in between."""
        signed_in = 0
        while True:
            if (await self._settled(name))["health"]["action"] == "login":
                if signed_in == PATIENCE or not await self._signs_in(name):
                    return
                signed_in += 1
                continue
            refused = False
            try:
                await act(scenario, f"{self._running.endpoint}/s/{name}", self._era, {})
            except* MCPError:
                refused = True
            if not refused:
                return
            await self._running.until(
                lambda world: world["servers"][name]["health"]["action"] == "login"
            )

    async def _signs_in(self, name: str) -> bool:
        """By way of a browser, if there is a link at all; whether the person is in."""
        path = f"/api/v1/servers/{name}/login"
        prepared = await self._running.http.post(path)
        if prepared.status_code != 202:
            return False
        await browse(prepared.json()["data"]["link"])
        over = await self._running.http.get(f"{path}?wait=ready")
        return over.status_code == 200 or over.json()["error"]["code"] != "sign_in_failed"


async def run_sign_in(directory: Path) -> dict[str, Failures]:
    """Every scenario on signing in: what did not pass, by revision."""
    return await _between("2026-07-28", directory, lambda revision: required(revision).sign_in)


async def run_client_half(era: Era, directory: Path) -> dict[str, Failures]:
    """Every other scenario with a client of one era: what did not pass, by revision."""
    return await _between(era, directory, lambda revision: required(revision).client)


async def _between(
    era: Era, directory: Path, chosen: Callable[[str], tuple[str, ...]]
) -> dict[str, Failures]:
    home = Home(directory)
    home.configure({})
    async with program(home) as running:
        between = Between(home, running, era)
        wanted = [(each, name) for each in REQUIREMENTS for name in chosen(each)]
        found = await asyncio.gather(*(between.run(name, each) for each, name in wanted))
    failures: dict[str, Failures] = {revision: {} for revision in REQUIREMENTS}
    for (revision, name), checks in zip(wanted, found, strict=True):
        if checks:
            failures[revision][name] = checks
    return failures

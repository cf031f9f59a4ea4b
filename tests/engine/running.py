"""A whole engine on the test's own loop, with a clock, servers and a file that the test drives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.engine.engine import Engine
from core.model.config import ServerConfig, ServerName
from core.model.status import Phase, ServerStatus, Snapshot
from core.ports import SignIns
from core.telemetry.counters import Counters
from tests.fakes.clock import FakeClock, settle
from tests.fakes.connector import FakeConnector, FakePeer
from tests.fakes.source import FakeSource

LIMIT = 30.0  # seconds for anything to happen


@dataclass(frozen=True, slots=True)
class Running:
    """The engine and what surrounds it."""

    engine: Engine
    clock: FakeClock
    servers: FakeConnector
    source: FakeSource
    counters: Counters

    @property
    def snapshot(self) -> Snapshot:
        return self.engine.snapshot

    def status(self, name: str) -> ServerStatus:
        return self.snapshot.servers[ServerName(name)]

    def phase(self, name: str) -> Phase | None:
        status = self.snapshot.servers.get(ServerName(name))
        return status.phase if status is not None else None

    async def until_phase(self, name: str, phase: Phase) -> ServerStatus:
        there = await self.engine.until(
            lambda snapshot: name in snapshot.servers and self.phase(name) is phase, LIMIT
        )
        return there.servers[ServerName(name)]


@asynccontextmanager
async def running(
    *servers: ServerConfig,
    on_open: Callable[[FakePeer], object] = FakePeer.connect,
    sign_ins: SignIns | None = None,
) -> AsyncIterator[Running]:
    """Run an engine; at the end it is stopped, and by then must be able to."""
    clock, source, counters = FakeClock(), FakeSource(*servers), Counters()
    connector = FakeConnector(on_open)
    async with asyncio.timeout(3 * LIMIT), asyncio.TaskGroup() as tasks:
        engine = Engine(
            source=source,
            connect=connector,
            tasks=tasks,
            clock=clock,
            counters=counters,
            sign_ins=sign_ins,
        )
        engine.start(await source.load())
        engine.announce("http://127.0.0.1:1/mcp")
        await settle()
        try:
            yield Running(engine, clock, connector, source, counters)
        finally:
            for peers in connector.peers.values():
                for peer in peers:
                    peer.end()
            engine.refuse_work()
            assert await engine.stop_servers(LIMIT)
    assert not engine.snapshot.servers
    assert not clock.timers, "a timer outlived the engine"


class Follower:
    """A consumer: remembers the phases of one server as it was woken for them."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.phases: list[Phase | None] = []
        self._name = ServerName(name)
        self._slot = engine.subscribe(self._look)
        self._look()

    def _look(self) -> None:
        batch = self._slot.take()
        if batch is None:
            return
        status = batch.snapshot.servers.get(self._name)
        phase = status.phase if status is not None else None
        if not self.phases or self.phases[-1] is not phase:
            self.phases.append(phase)

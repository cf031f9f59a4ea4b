"""The engine's door: what may be asked, what waiting means, and how everything ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from core.engine.engine import Engine
from core.errors import EngineStopped, NotNow, UnknownServer
from core.model.config import ServerName
from core.model.intents import RestartServer, SetEnabled, Show, Shutdown
from core.model.notices import NoticeCode
from core.model.status import EnginePhase, Phase, Snapshot
from core.telemetry.counters import Counters
from tests.engine.running import LIMIT, Running, running
from tests.fakes.clock import FakeClock, settle
from tests.fakes.connector import CRASH, FakeConnector, FakePeer
from tests.fakes.source import FakeSource, server

ONE = ServerName("one")


def stubborn(name: str) -> Callable[[FakePeer], None]:
    """All servers connect, and the one named ignores the wish to close."""

    def opened(peer: FakePeer) -> None:
        peer.stubborn = peer.config.name == name
        peer.connect()

    return opened


# --- asking -----------------------------------------------------------------------------------


async def test_an_unknown_server_is_refused_by_name() -> None:
    """Whoever asks for a server that is not there learns which there are."""
    async with running(server("one"), server("two")) as world:
        for intent in (RestartServer(ServerName("six")), SetEnabled(ServerName("six"), True)):
            with pytest.raises(UnknownServer, match=r"'six'.*one, two"):
                await world.engine.submit(intent)


async def test_restart_is_refused_where_it_makes_no_sense() -> None:
    """A disabled server is to be enabled first; one that is ending has to have ended."""
    async with running(
        server("one"), server("off", enabled=False), on_open=stubborn("one")
    ) as world:
        with pytest.raises(NotNow, match=r"off .*disabled.*Enable it first"):
            await world.engine.submit(RestartServer(ServerName("off")))
        await world.engine.submit(RestartServer(ONE))
        with pytest.raises(NotNow, match=r"one .*stopping.*Wait until"):
            await world.engine.submit(RestartServer(ONE))


async def test_asking_to_show() -> None:
    """Show becomes a notice, which the first instance makes visible."""
    async with running(server("one")) as world:
        seq = world.snapshot.seq
        await world.engine.submit(Show())
        newest = world.engine.notices_since(seq)[0]
        assert [notice.code for notice in newest] == [NoticeCode.SHOW]


async def test_shutdown_is_a_wish_that_others_carry_out() -> None:
    """Shutdown only sets the wish, asked for again that of haste; then all work is refused."""
    async with running(server("one")) as world:
        await world.engine.submit(Shutdown())
        assert world.engine.shutdown_asked.is_set()
        assert world.phase("one") is Phase.READY
        world.engine.refuse_work()
        assert world.snapshot.engine is EnginePhase.STOPPING
        for intent in (RestartServer(ONE), SetEnabled(ONE, False)):
            with pytest.raises(EngineStopped):
                await world.engine.submit(intent)
        assert not world.engine.haste_asked.is_set()
        await world.engine.submit(Shutdown())
        assert world.engine.haste_asked.is_set()


# --- waiting ----------------------------------------------------------------------------------


async def test_until_returns_at_once_what_is_so_already() -> None:
    """A condition that holds needs no time, not even when none is given."""
    async with running(server("one")) as world:
        assert await world.engine.until(lambda snapshot: True, 0) is world.snapshot


async def test_until_waits_for_the_change() -> None:
    """It returns the snapshot in which the condition became true, and looks at each once."""
    looked: list[int] = []

    def in_backoff(snapshot: Snapshot) -> bool:
        looked.append(snapshot.seq)
        return snapshot.servers[ONE].phase is Phase.BACKOFF

    async with running(server("one")) as world:
        waiting = asyncio.create_task(world.engine.until(in_backoff, LIMIT))
        await settle()
        world.engine.store.notice(NoticeCode.SHOW)
        await settle()
        world.servers.last("one").end(CRASH)
        found = await waiting
        assert found.servers[ONE].phase is Phase.BACKOFF
        assert looked == sorted(set(looked))


async def test_until_gives_up_in_time() -> None:
    """What does not become true is a TimeoutError, and leaves no subscription behind."""
    async with running(server("one")) as world:
        with pytest.raises(TimeoutError):
            await world.engine.until(lambda snapshot: False, 0)
        with pytest.raises(TimeoutError):
            await world.engine.until(lambda snapshot: False, 0.01)


async def test_until_ends_with_the_engine() -> None:
    """Whoever waits, or begins to wait, when the engine stops is told so."""
    async with running(server("one")) as world:
        waiting = asyncio.create_task(world.engine.until(lambda snapshot: False, None))
        await settle()
        world.engine.refuse_work()
        with pytest.raises(EngineStopped):
            await waiting
        with pytest.raises(EngineStopped):
            async with asyncio.timeout(LIMIT):
                await world.engine.until(lambda snapshot: False, None)


# --- stopping ---------------------------------------------------------------------------------


async def test_servers_end_newest_first() -> None:
    """They are told to close in the reverse of the order in which they were started."""
    order: list[str] = []

    def opened(peer: FakePeer) -> None:
        peer.connect()
        name = peer.config.name
        peer.link.closing.add_done_callback(lambda _: order.append(name))

    async with running(server("one"), server("two"), server("three"), on_open=opened) as world:
        world.engine.refuse_work()
        assert await world.engine.stop_servers(LIMIT)
        assert order == ["three", "two", "one"]


async def test_a_server_that_does_not_end_is_left_behind_in_time_and_then_killed() -> None:
    """The bounded stop reports it; abandoning cancels it, and it alone."""
    async with running(server("one"), server("two"), on_open=stubborn("one")) as world:
        hanging = world.servers.last("one")
        world.engine.refuse_work()
        assert not await world.engine.stop_servers(0.05)
        assert not world.servers.last("two").open
        assert hanging.open
        world.engine.abandon_servers()
        await settle()
        assert hanging.cancelled
        assert not world.snapshot.servers


async def test_stopping_while_servers_wait_or_connect() -> None:
    """Every phase a server can be in ends; no retry timer survives."""
    kinds = {"ready": FakePeer.connect, "waits": lambda peer: peer.end(CRASH)}
    async with running(
        server("ready"),
        server("waits"),
        server("connects"),
        server("off", enabled=False),
        on_open=lambda peer: kinds.get(peer.config.name, lambda _: None)(peer),
    ) as world:
        assert [world.phase(name) for name in ("ready", "waits", "connects", "off")] == [
            Phase.READY,
            Phase.BACKOFF,
            Phase.CONNECTING,
            Phase.DISABLED,
        ]
        world.engine.refuse_work()
        assert await world.engine.stop_servers(LIMIT)
        assert world.clock.timers == []


async def test_an_edit_in_flight_when_stopping_starts_nothing() -> None:
    """A file written while all servers are told to end does not bring them back."""
    async with running(server("one")) as world:
        world.source.held = asyncio.Event()
        edit = asyncio.create_task(world.engine.submit(SetEnabled(ONE, False)))
        await settle()
        world.engine.refuse_work()
        assert await world.engine.stop_servers(LIMIT)
        world.source.held.set()
        await edit
        await settle()
        assert not world.snapshot.servers
        assert world.servers.opened("one") == 1


async def test_an_engine_that_never_started_stops() -> None:
    """Stopping needs no start before it."""
    async with asyncio.TaskGroup() as tasks:
        clock = FakeClock()
        engine = Engine(
            source=FakeSource(),
            connect=FakeConnector(),
            tasks=tasks,
            clock=clock,
            counters=Counters(),
        )
        engine.refuse_work()
        assert await engine.stop_servers(LIMIT)
    assert clock.timers == []


async def test_a_bug_in_following_the_file_ends_no_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Servers go on, and the log says that the file is no longer followed."""

    class Broken(FakeSource):
        async def watch(self, *_: object) -> None:
            raise ZeroDivisionError("a bug")

    connector = FakeConnector(FakePeer.connect)
    clock, counters = FakeClock(), Counters()
    async with asyncio.TaskGroup() as tasks:
        source = Broken(server("one"))
        engine = Engine(
            source=source, connect=connector, tasks=tasks, clock=clock, counters=counters
        )
        engine.start(source.config)
        engine.announce("http://127.0.0.1:1/mcp")
        world = Running(engine, clock, connector, source, counters)
        await world.until_phase("one", Phase.READY)
        await settle()
        assert "no longer followed" in caplog.text
        engine.refuse_work()
        assert await engine.stop_servers(LIMIT)

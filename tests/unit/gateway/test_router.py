"""A server that waits to be tried again is tried at once for whoever needs it, and not oftener."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from core.gateway.clients import Client
from core.gateway.leases import Leases
from core.gateway.record import Record
from core.gateway.refusal import Refusal
from core.gateway.router import Router
from core.model.config import ServerConfig
from core.model.status import Phase
from core.protocol.calls import Call, ConnectionLost, Session
from tests.engine.running import Running, running
from tests.fakes.clock import settle
from tests.fakes.connector import BROKEN, CRASH, FakePeer, FakeSession
from tests.fakes.privates import FakePrivates
from tests.fakes.source import server


def router(world: Running) -> Router:
    return Router(
        world.engine,
        world.engine.sessions,
        Record(world.counters),
        Leases(world.engine, FakePrivates()),
    )


async def refused(asking: Router, name: str = "one") -> str:
    with pytest.raises(Refusal) as problem:
        await asking.reach(name)
    return str(problem.value)


class Plan:
    """What becomes of each connection, in order; later ones connect."""

    def __init__(self, *outcomes: str) -> None:
        self._outcomes: Iterator[str] = iter(outcomes)

    def __call__(self, peer: FakePeer) -> None:
        match next(self._outcomes, "connects"):
            case "connects":
                peer.connect()
            case "crashes":
                peer.end(CRASH)
            case "is broken":
                peer.end(BROKEN)


async def test_a_caller_does_not_wait_for_the_retry_timer() -> None:
    """The server is there for the call although the clock stands still; its record stays."""
    async with running(server("one"), on_open=Plan("crashes")) as world:
        assert world.phase("one") is Phase.BACKOFF
        session = await router(world).reach("one")
        assert session is world.servers.last("one").session
        assert world.status("one").attempt == 2


async def test_callers_share_one_attempt() -> None:
    """However many ask at the same time, one connection is opened and all get its session."""
    waiting = Plan("crashes", "takes its time")
    async with running(server("one"), on_open=waiting) as world:
        asking = router(world)
        calls = [asyncio.create_task(asking.reach("one")) for _ in range(50)]
        await settle()
        assert world.phase("one") is Phase.CONNECTING
        world.servers.last("one").connect()
        sessions: set[int] = {id(session) for session in await asyncio.gather(*calls)}
        assert sessions == {id(world.servers.last("one").session)}
        assert world.servers.opened("one") == 2


async def test_callers_get_one_attempt_between_two_of_the_timers() -> None:
    """Calls that come all the time at most double the starts: the pace stays the timer's."""
    outcomes = ["connects"] + ["crashes"] * 20
    async with running(server("one"), on_open=Plan(*outcomes)) as world:
        world.servers.last("one").end(CRASH)
        await settle()
        asking = router(world)
        opened = []
        for _ in range(4):
            before = world.servers.opened("one")
            for _ in range(5):
                assert "'one' is not ready (phase: backoff)" in await refused(asking)
            opened.append(world.servers.opened("one") - before)
            wait_until = world.status("one").retry_at
            assert wait_until is not None
            await world.clock.advance((wait_until - world.clock.wall()).total_seconds() + 0.001)
        assert opened == [1, 1, 1, 1]
        assert world.servers.opened("one") == 1 + 4 * 2


async def test_an_attempt_that_succeeded_is_not_held_against_the_next_caller() -> None:
    """A server that dies each time it was brought back is brought back each time."""
    async with running(server("one"), on_open=Plan("crashes")) as world:
        asking = router(world)
        for _ in range(5):
            session = await asking.reach("one")
            assert session is world.servers.last("one").session
            world.servers.last("one").end(CRASH)
            await settle()
            assert world.phase("one") is Phase.BACKOFF


@pytest.mark.parametrize(
    ("config", "on_open", "phase"),
    [
        (server("one", enabled=False), Plan(), Phase.DISABLED),
        (server("one"), Plan("is broken"), Phase.FAILED),
    ],
)
async def test_what_a_person_has_to_change_is_not_tried_for_a_caller(
    config: ServerConfig, on_open: Plan, phase: Phase
) -> None:
    """A disabled or failed server is refused at once, however often it is called."""
    async with running(config, on_open=on_open) as world:
        assert world.phase("one") is phase
        opened = world.servers.opened("one")
        asking = router(world)
        for _ in range(3):
            assert f"(phase: {phase})" in await refused(asking)
        assert world.servers.opened("one") == opened


async def test_a_caller_that_waits_while_the_program_stops_is_told_so() -> None:
    """It gets an answer in words, not an error of ours."""
    plan = Plan("crashes", "takes its time")
    async with running(server("one"), on_open=plan) as world:
        asking = router(world)
        call: asyncio.Task[Session] = asyncio.create_task(asking.reach("one"))
        await settle()
        world.engine.refuse_work()
        with pytest.raises(Refusal, match="is stopping"):
            await call
        assert "shutting down" in await refused(asking)


class EndingSession(FakeSession):
    """A conversation whose server has just gone, which its actor learns later."""

    def start(self, method: str, params: bytes, caller: str = "") -> Call:
        raise ConnectionLost("the connection is closing")


async def test_a_request_that_could_not_be_sent_goes_to_the_next_conversation() -> None:
    """Between a server's death and its restart no call fails: nothing was sent, so it may be."""

    sessions = iter([EndingSession(), FakeSession()])

    def connect(peer: FakePeer) -> None:
        peer.session = next(sessions)
        peer.connect()

    async with running(server("one"), on_open=connect) as world:
        asking = router(world)
        ending = await asking.reach("one")
        client = Client("s/one", "2025-11-25")
        call = asyncio.create_task(asking.start(client, "one", ending, "tools/call", b"{}", "t"))
        await settle()
        assert not call.done()
        world.servers.last("one").end(CRASH)
        assert (await call).session is world.servers.last("one").session
        assert world.servers.opened("one") == 2

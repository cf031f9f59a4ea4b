"""One actor in a world of its own: each connection opened ends once, whatever ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.actor import CLOSE_LIMIT, Actor, World
from core.engine.sessions import LiveSessions
from core.engine.store import Store
from core.engine.unguarded import Unguarded
from core.lifecycle import machine
from core.lifecycle.backoff import CAP_STDIO, GIVE_UP_FAILURES, SPREAD
from core.model.config import ServerConfig, ServerName
from core.model.faults import Fault, FaultCode
from core.model.status import Phase
from core.telemetry.counters import Counters
from tests.fakes.clock import FakeClock, settle
from tests.fakes.connector import BROKEN, CRASH, PEER, FakeConnector, FakePeer
from tests.fakes.source import server

ONE = server("one")
OTHER_COMMAND = server("one", "b")
OFF = server("one", enabled=False)


@dataclass(slots=True)
class Stage:
    """An actor and everything around it."""

    actor: Actor
    world: World
    clock: FakeClock
    servers: FakeConnector
    steps: list[Phase | None] = field(default_factory=list)

    @property
    def phase(self) -> Phase | None:
        status = self.world.store.snapshot.servers.get(ServerName("one"))
        return status.phase if status is not None else None

    def check(self) -> None:
        """What holds whenever nothing is happening."""
        open_peers = [peer for peer in self.servers.peers.get("one", ()) if peer.open]
        outstanding = self.phase in {Phase.CONNECTING, Phase.READY, Phase.STOPPING}
        assert len(open_peers) == int(outstanding)
        session = self.world.sessions.get("one")
        assert (session is not None) == (self.phase is Phase.READY)
        assert session is None or session is open_peers[0].session
        # Backoff has a retry timer, Stopping a limit, and nothing else has any
        assert len(self.clock.timers) == int(self.phase in {Phase.BACKOFF, Phase.STOPPING})
        assert self.actor.removed == (self.phase is None)


@asynccontextmanager
async def stage(
    config: ServerConfig = ONE, on_open: Callable[[FakePeer], object] = lambda peer: None
) -> AsyncIterator[Stage]:
    clock, connector, counters = FakeClock(), FakeConnector(on_open), Counters()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        store = Store(clock, counters)
        world = World(connector, tasks, clock, store, LiveSessions(), counters, Unguarded())
        steps: list[Phase | None] = []

        def stepped(actor: Actor) -> None:
            steps.append(on_stage.phase)

        on_stage = Stage(Actor(config, world, stepped), world, clock, connector, steps)
        on_stage.actor.begin()
        yield on_stage
        on_stage.actor.post(machine.Remove())
        await settle()
        for peer in connector.peers.get("one", ()):
            peer.end()
        await settle()
        assert on_stage.actor.removed
    assert not clock.timers


# --- exactly one end --------------------------------------------------------------------------


async def test_a_task_cancelled_before_its_first_step_is_reported_as_ended() -> None:
    """The connector was never entered, and yet the actor learns that the connection is over."""
    async with stage() as on:
        on.actor.kill()
        await settle()
        assert on.servers.opened("one") == 0
        assert on.steps == [Phase.CONNECTING, Phase.BACKOFF]
        await on.clock.advance(2)
        assert on.servers.opened("one") == 1


@pytest.mark.parametrize("outcome", [None, CRASH, BROKEN, ZeroDivisionError("a bug")])
async def test_each_way_to_end_is_one_step(outcome: Fault | Exception | None) -> None:
    """Ended with or without a fault, or by a bug: one step, and nothing follows by itself."""
    async with stage(on_open=FakePeer.connect) as on:
        await settle()
        on.servers.last("one").end(outcome)
        await settle()
        assert on.steps[:2] == [Phase.CONNECTING, Phase.READY]
        assert len(on.steps) == 3
        on.check()


async def test_a_bug_in_a_connection_fails_that_server_and_says_so() -> None:
    """What a connector raises becomes an INTERNAL fault, which a restart can clear."""
    async with stage() as on:
        await settle()
        on.servers.last("one").end(KeyError("lost"))
        await settle()
        status = on.world.store.snapshot.servers[ServerName("one")]
        assert status.phase is Phase.FAILED
        assert status.fault is not None
        assert status.fault.code is FaultCode.INTERNAL
        assert "KeyError: 'lost'" in status.fault.message
        on.actor.post(machine.Restart())
        await settle()
        assert on.phase is Phase.CONNECTING
        assert on.servers.opened("one") == 2


async def test_an_end_without_a_reason_counts_as_a_crash() -> None:
    """A connection that returns without having been asked to is tried again."""
    async with stage(on_open=FakePeer.connect) as on:
        await settle()
        on.servers.last("one").end(None)
        await settle()
        assert on.phase is Phase.BACKOFF
        fault = on.world.store.snapshot.servers[ServerName("one")].fault
        assert fault is not None
        assert fault.code is FaultCode.CRASHED


# --- closing ----------------------------------------------------------------------------------


def _stubborn(peer: FakePeer) -> None:
    peer.stubborn = True
    peer.connect()


async def test_a_peer_that_refuses_to_close_is_cancelled_at_the_limit() -> None:
    """Until then it has its time; then the restart goes on without it."""
    first: list[FakePeer] = []

    def opened(peer: FakePeer) -> None:
        peer.stubborn = not first
        first.append(peer)
        peer.connect()

    async with stage(on_open=opened) as on:
        await settle()
        on.actor.post(machine.Restart())
        await on.clock.advance(CLOSE_LIMIT - 0.1)
        assert on.phase is Phase.STOPPING
        assert not first[0].cancelled
        await on.clock.advance(0.2)
        assert first[0].cancelled
        assert on.phase is Phase.READY
        assert on.servers.opened("one") == 2
        assert on.clock.timers == []


async def test_closing_asks_at_once_even_while_connecting() -> None:
    """A stop never queues behind a connection that hangs on its way up."""
    async with stage() as on:
        await settle()
        peer = on.servers.last("one")
        on.actor.post(machine.Remove())
        assert peer.link.closing.done()
        assert on.phase is Phase.STOPPING
        await settle()
        assert on.actor.removed
        assert not on.clock.timers


async def test_wishes_while_closing_change_only_what_follows() -> None:
    """The last wish wins, the connection is told to close once, and removal is final."""
    async with stage(on_open=_stubborn) as on:
        await settle()
        on.actor.post(machine.Configure(OFF))
        on.actor.post(machine.Restart())
        on.actor.post(machine.Configure(OTHER_COMMAND))
        assert on.phase is Phase.STOPPING
        on.servers.last("one").end()
        await settle()
        assert on.phase is Phase.READY
        assert on.servers.last("one").config == OTHER_COMMAND
        on.actor.post(machine.Remove())
        on.actor.post(machine.Configure(ONE))
        assert on.actor.leaving
        on.servers.last("one").end()
        await settle()
        assert on.actor.removed


# --- stale reports ----------------------------------------------------------------------------


async def test_reports_of_an_earlier_connection_change_nothing() -> None:
    """A link kept by a connection that is over has lost its effect."""
    async with stage(on_open=FakePeer.connect) as on:
        await settle()
        old = on.servers.last("one")
        on.actor.post(machine.Restart())
        await settle()
        now, steps = on.world.store.snapshot, list(on.steps)
        session = on.world.sessions.get("one")
        old.connect()
        old.link.peer_changed(PEER)
        on.actor.post(machine.Ended(1, on.clock.now(), CRASH))
        on.actor.post(machine.RetryDue(1))
        await settle()
        assert on.world.store.snapshot is now
        assert on.world.sessions.get("one") is session
        assert session is on.servers.last("one").session
        assert on.steps == steps


async def test_a_connection_that_reports_in_the_moment_it_is_told_to_close() -> None:
    """Connected, arriving after the wish to close, does not make the server callable."""
    async with stage() as on:
        await settle()
        peer = on.servers.last("one")
        on.actor.post(machine.Configure(OFF))
        peer.connect()
        assert on.phase is Phase.STOPPING
        assert on.world.sessions.get("one") is None
        await settle()
        assert on.phase is Phase.DISABLED


# --- trying again -----------------------------------------------------------------------------


async def _waits(on: Stage, crashes: int) -> list[float]:
    """How long it waits after each of so many deaths right after it was ready."""
    waits = []
    for _ in range(crashes):
        await settle()
        on.servers.last("one").end(CRASH)
        await settle()
        (retry,) = on.clock.timers
        waits.append(retry.when - on.clock.now())
        await on.clock.advance(waits[-1])
        assert on.phase is Phase.READY
    return waits


async def test_f05_a_crash_loop_slows_down_to_the_cap_and_never_gives_up() -> None:
    """What was ready once and dies at once waits 1, 2, 4 … seconds, then 60 again and again."""
    async with stage(on_open=FakePeer.connect) as on:
        waits = await _waits(on, 12)
        expected = [min(2.0**number, CAP_STDIO) for number in range(12)]
        for wait, middle in zip(waits, expected, strict=True):
            assert middle * (1 - SPREAD) <= wait <= middle * (1 + SPREAD)


@pytest.mark.parametrize(("ready_for", "attempt"), [(59.0, 3), (61.0, 1)])
async def test_f05_a_minute_of_being_ready_forgets_earlier_failures(
    ready_for: float, attempt: int
) -> None:
    """On this side of the minute waits go on growing, on the other they begin anew."""
    async with stage(on_open=FakePeer.connect) as on:
        await _waits(on, 2)
        await on.clock.advance(ready_for)
        on.servers.last("one").end(CRASH)
        await settle()
        status = on.world.store.snapshot.servers[ServerName("one")]
        assert (status.phase, status.attempt) == (Phase.BACKOFF, attempt)


async def test_f03_what_was_never_ready_is_given_up_after_five_failures() -> None:
    """Each wait is twice the last; then the fault is named and no timer left; a restart helps."""
    early = Fault(FaultCode.EXIT_EARLY, "Exited before it was ready (exit code 1).", "no database")
    async with stage(on_open=lambda peer: peer.end(early)) as on:
        await settle()
        for number in range(GIVE_UP_FAILURES - 1):
            (retry,) = on.clock.timers
            wait = retry.when - on.clock.now()
            assert 2**number * (1 - SPREAD) <= wait <= 2**number * (1 + SPREAD)
            await on.clock.advance(wait - 0.01)
            assert on.servers.opened("one") == number + 1
            await on.clock.advance(0.02)
            assert on.servers.opened("one") == number + 2
        status = on.world.store.snapshot.servers[ServerName("one")]
        assert status.phase is Phase.FAILED
        assert status.fault is not None
        assert status.fault.code is FaultCode.CRASH_LOOP
        assert "5 failed starts" in status.fault.message
        assert "exit code 1" in status.fault.message
        assert status.fault.detail == "no database"
        assert on.servers.opened("one") == GIVE_UP_FAILURES
        assert on.clock.timers == []
        on.actor.post(machine.Restart())
        await settle()
        assert on.phase is Phase.BACKOFF


async def test_f01_what_a_person_must_mend_is_not_tried_again() -> None:
    """One attempt, no timer."""
    async with stage(on_open=lambda peer: peer.end(BROKEN)) as on:
        await on.clock.advance(1000)
        assert on.phase is Phase.FAILED
        assert on.servers.opened("one") == 1


async def test_how_long_connecting_took_is_measured() -> None:
    """Success and failure are told apart, by the clock given."""
    async with stage() as on:
        await on.clock.advance(3)
        on.servers.last("one").connect()
        on.servers.last("one").end(CRASH)
        await on.clock.advance(2)
        await on.clock.advance(7)
        on.servers.last("one").end(BROKEN)
        await settle()
        durations = on.world.counters.actor_connect_duration.values
        assert durations["one", "success"].sum == 3
        assert durations["one", "failed"].sum == pytest.approx(8, abs=0.3)


# --- whatever happens -------------------------------------------------------------------------

HAPPENINGS: dict[str, Callable[[Stage], object]] = {
    "restart": lambda on: on.actor.post(machine.Restart()),
    "same": lambda on: on.actor.post(machine.Configure(ONE)),
    "other": lambda on: on.actor.post(machine.Configure(OTHER_COMMAND)),
    "off": lambda on: on.actor.post(machine.Configure(OFF)),
    "kill": lambda on: on.actor.kill(),
    "connects": lambda on: _on_last(on, lambda peer: peer.open and peer.connect()),
    "dies": lambda on: _on_last(on, lambda peer: peer.end(CRASH)),
    "breaks": lambda on: _on_last(on, lambda peer: peer.end(BROKEN)),
    "bug": lambda on: _on_last(on, lambda peer: peer.end(ZeroDivisionError())),
    "returns": lambda on: _on_last(on, lambda peer: peer.end()),
}


def _on_last(on: Stage, what: Callable[[FakePeer], object]) -> None:
    if on.servers.opened("one"):
        what(on.servers.last("one"))


@settings(max_examples=60)
@given(
    happenings=st.lists(
        st.tuples(
            st.sampled_from([*HAPPENINGS, "time"]),
            st.booleans(),  # does anything else get a turn before the next?
        ),
        max_size=25,
    ),
    stubborn=st.booleans(),
)
def test_whatever_happens_in_whatever_order(
    happenings: list[tuple[str, bool]], stubborn: bool
) -> None:
    """One connection at most, a session exactly while ready, timers only where they belong."""

    async def play() -> None:
        def opened(peer: FakePeer) -> None:
            peer.stubborn = stubborn

        async with stage(on_open=opened) as on:
            for what, alone in happenings:
                if what == "time":
                    await on.clock.advance(20)
                else:
                    HAPPENINGS[what](on)
                if alone:
                    await settle()
                    on.check()

    asyncio.run(play())

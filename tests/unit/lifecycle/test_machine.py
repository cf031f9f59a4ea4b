"""The state machine: complete, safe everywhere it can get to, and each journey as a dialogue."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.lifecycle.machine import (
    TABLE,
    AuthRequired,
    Backoff,
    CancelRetryTimer,
    CloseConnection,
    Configure,
    Connected,
    Connecting,
    CredentialsChanged,
    Disabled,
    Ended,
    Event,
    Failed,
    Model,
    OpenConnection,
    PeerChanged,
    Ready,
    Remove,
    Removed,
    Restart,
    RetryDue,
    StartRetryTimer,
    State,
    Stopping,
    Then,
    transition,
)
from core.model.config import ServerConfig
from core.model.faults import Fault, FaultCode
from tests.unit.lifecycle.play import EVENTS, STATES, play
from tests.unit.lifecycle.samples import (
    A_TUNED,
    AUTH,
    BROKEN,
    CONFIGS,
    CRASH,
    EARLY,
    FAULTS,
    NEW,
    OFF,
    OTHER_PEER,
    PEER,
    REMOTE,
    A,
    B,
)
from tests.unit.lifecycle.world import World

DEPTH = 7


def test_table_is_total() -> None:
    """Every state has a cell for every event, and there are no others."""
    assert set(TABLE) == set(STATES)
    for row in TABLE.values():
        assert set(row) == set(EVENTS)


# --- everywhere ---------------------------------------------------------------------------


def happenings(world: World) -> list[Event]:
    """Everything that can happen in a small world."""
    told: list[Event] = [*map(Configure, CONFIGS), Restart(), Remove(), CredentialsChanged()]
    for epoch in world.open:
        told += [Connected(epoch, 0.0, PEER), PeerChanged(epoch, OTHER_PEER)]
        told += [Ended(epoch, at, fault) for fault in FAULTS for at in (0.0, 60.0)]
    return told + [RetryDue(epoch) for epoch in world.timers]


def test_everywhere() -> None:
    """Breadth first through every world within seven steps: all invariants hold in each."""
    start = World(NEW)
    rested = World(Model(A, AuthRequired(CRASH), epoch=1, attempt=0))
    seen = {start, rested}
    frontier = [start, rested]
    for _ in range(DEPTH):
        reached = {world.step(event) for world in frontier for event in happenings(world)} - seen
        seen |= reached
        frontier = list(reached)
    for world in seen:
        world.check_that_removal_works()
        world.check_that_the_impossible_changes_nothing()
    assert {type(world.model.state) for world in seen} == set(STATES)


def test_what_is_wanted_is_reached() -> None:
    """From every world within four steps, one more Configure decides where things end."""
    seen = {World(NEW)}
    for _ in range(4):
        seen |= {world.step(event) for world in seen for event in happenings(world)}
    for world in seen:
        if isinstance(world.model.state, Removed) or world.model.state == Stopping(Then.REMOVE):
            continue
        off = world.step(Configure(OFF))
        for epoch in off.open:
            off = off.step(Ended(epoch, 0.0, None))
        assert off.model.state == Disabled()
        on = off.step(Configure(B))
        assert on.model.state == Connecting()
        assert on.model.config == B
        assert (on.model.attempt, on.model.failures, on.model.ever_ready) == (1, (), False)


class Life(RuleBasedStateMachine):
    """Long random lives with time that passes; a rule per thing that can happen."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NEW)
        self.now = 0.0

    @initialize(config=st.sampled_from([*CONFIGS, REMOTE]))
    def begin(self, config: ServerConfig) -> None:
        self.world = World(Model(config))
        self.configure(config)

    def happen(self, event: Event) -> None:
        before = self.world
        self.world = before.step(event)
        state = self.world.model.state
        if isinstance(state, Failed) and state.fault.code is FaultCode.CRASH_LOOP:
            assert not self.world.model.ever_ready
            if not isinstance(before.model.state, Failed):
                assert len(before.model.failures) == 4

    @rule(config=st.sampled_from([*CONFIGS, REMOTE]))
    def configure(self, config: ServerConfig) -> None:
        self.happen(Configure(config))

    @rule(event=st.sampled_from([Restart(), CredentialsChanged()]))
    def tell(self, event: Event) -> None:
        self.happen(event)

    @rule(seconds=st.floats(0, 200))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.world.open)
    @rule(changed=st.booleans())
    def connect(self, changed: bool) -> None:
        (epoch,) = self.world.open
        self.happen(PeerChanged(epoch, OTHER_PEER) if changed else Connected(epoch, self.now, PEER))

    @precondition(lambda self: self.world.open)
    @rule(fault=st.sampled_from([*FAULTS, EARLY, EARLY]))
    def end(self, fault: Fault | None) -> None:
        (epoch,) = self.world.open
        self.happen(Ended(epoch, self.now, fault))

    @precondition(lambda self: self.world.timers)
    @rule()
    def retry(self) -> None:
        (epoch,) = self.world.timers
        state = self.world.model.state
        assert isinstance(state, Backoff)
        self.now = max(self.now, state.retry_at)
        self.happen(RetryDue(epoch))

    @rule()
    def remove(self) -> None:
        self.world.check_that_removal_works()

    @invariant()
    def impossible(self) -> None:
        self.world.check_that_the_impossible_changes_nothing()


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase


# --- journeys -----------------------------------------------------------------------------


def up(config: ServerConfig = A, at: float = 0.0) -> Model:
    """A server that is ready since ``at``."""
    return play(
        Model(config),
        Configure(config),
        OpenConnection(1, config),
        Connecting(),
        Connected(1, at, PEER),
        Ready(at, PEER),
    )


def down(config: ServerConfig = A) -> Model:
    """A server that waits for its retry timer after its first failure."""
    connecting = play(Model(config), Configure(config), OpenConnection(1, config), Connecting)
    model, _ = transition(connecting, Ended(1, 0.0, EARLY))
    assert isinstance(model.state, Backoff)
    return model


def test_crash_and_recovery() -> None:
    """A server that crashes is tried again when its timer fires, and is ready again."""
    model = up()
    model, effects = transition(model, Ended(1, 10.0, CRASH))
    assert isinstance(model.state, Backoff)
    assert effects == (StartRetryTimer(1, model.state.retry_at),)
    assert model.state.fault == CRASH
    play(
        model,
        RetryDue(1),
        OpenConnection(2, A),
        Connecting(),
        Connected(2, 12.0, PEER),
        Ready(12.0, PEER),
    )


def test_unasked_end_without_a_fault() -> None:
    """A connection that just ends, without a reason, counts as a crash."""
    model, _ = transition(up(), Ended(1, 1.0, None))
    assert isinstance(model.state, Backoff)
    assert model.state.fault.code is FaultCode.CRASHED


def test_restart_waits_for_the_old_connection() -> None:
    """Restart closes first and opens after the end, however the old connection ended."""
    for fault in FAULTS:
        play(
            up(),
            Restart(),
            CloseConnection(1),
            Stopping(Then.CONNECT),
            Restart(),
            Stopping(Then.CONNECT),
            Ended(1, 1.0, fault),
            OpenConnection(2, A),
            Connecting(),
        )


def test_restart_while_connecting() -> None:
    """Restart gives up a hand-shake that hangs and begins another."""
    connecting = play(NEW, Configure(A), OpenConnection(1, A), Connecting)
    play(
        connecting,
        Restart(),
        CloseConnection(1),
        Stopping(Then.CONNECT),
        Connected(1, 0.5, PEER),
        Stopping(Then.CONNECT),
        Ended(1, 1.0, None),
        OpenConnection(2, A),
        Connecting(),
    )


def test_restart_at_rest() -> None:
    """Restart opens at once what waits or was given up, but not what is disabled.

    New credentials are as good a reason to stop waiting.
    """
    model = down()
    for event in (Restart(), CredentialsChanged()):
        play(model, event, CancelRetryTimer(1), OpenConnection(2, A), Connecting())
    for state in (Failed(BROKEN), AuthRequired(CRASH)):
        for event in (Restart(), CredentialsChanged()):
            play(Model(A, state, epoch=3), event, OpenConnection(4, A), Connecting())
    play(up(), CredentialsChanged(), up().state)
    play(Model(OFF), Restart(), Disabled())


def test_edit_that_needs_no_new_connection() -> None:
    """A change beside the connection is taken over in place, in every state."""
    for model in (up(), down(), Model(A, Failed(BROKEN)), Model(A, AuthRequired(CRASH))):
        after = play(model, Configure(A_TUNED), model.state)
        assert after.config == A_TUNED


def test_edit_that_needs_a_new_connection() -> None:
    """A change of the connection replaces it, or tries at once what had been given up."""
    play(
        up(),
        Configure(B),
        CloseConnection(1),
        Stopping(Then.CONNECT),
        Ended(1, 1.0, None),
        OpenConnection(2, B),
        Connecting(),
    )
    play(down(), Configure(B), CancelRetryTimer(1), OpenConnection(2, B), Connecting())
    play(Model(A, Failed(BROKEN), epoch=1), Configure(B), OpenConnection(2, B), Connecting())


def test_last_word_while_stopping() -> None:
    """While the old connection ends, the newest wish counts; only removal is final."""
    play(
        up(),
        Configure(OFF),
        CloseConnection(1),
        Stopping(Then.DISABLE),
        Restart(),
        Stopping(Then.DISABLE),
        Configure(B),
        Stopping(Then.CONNECT),
        Configure(OFF),
        Stopping(Then.DISABLE),
        Configure(A),
        Stopping(Then.CONNECT),
        Ended(1, 1.0, None),
        OpenConnection(2, A),
        Connecting(),
        Remove(),
        CloseConnection(2),
        Stopping(Then.REMOVE),
        Configure(B),
        Stopping(Then.REMOVE),
        Ended(2, 2.0, CRASH),
        Removed(),
        Configure(A),
        Removed(),
    )


def test_faults_that_need_a_person() -> None:
    """Nothing is tried again by itself when a person has to act first."""
    for model in (up(), play(NEW, Configure(A), OpenConnection(1, A), Connecting)):
        play(model, Ended(1, 1.0, BROKEN), Failed(BROKEN))
        for fault in AUTH:
            play(
                model,
                Ended(1, 1.0, fault),
                AuthRequired(fault),
                CredentialsChanged(),
                OpenConnection(2, A),
                Connecting(),
            )
    play(
        Model(A, AuthRequired(CRASH), epoch=1),
        CredentialsChanged(),
        OpenConnection(2, A),
        Connecting(),
    )


def test_peer_changes() -> None:
    """New tools replace the old ones without touching the connection."""
    play(up(), PeerChanged(1, OTHER_PEER), Ready(0.0, OTHER_PEER))


def fail_repeatedly(model: Model, times: int, each_lasts: float) -> tuple[Model, list[float]]:
    """Let a connecting server fail, retrying when due; returns the waits between."""
    now, waits = 0.0, []
    for _ in range(times):
        now += each_lasts
        model, _ = transition(model, Ended(model.epoch, now, EARLY))
        if not isinstance(model.state, Backoff):
            break
        waits.append(model.state.retry_at - now)
        now = model.state.retry_at
        model, _ = transition(model, RetryDue(model.epoch))
    return model, waits


def test_gives_up_on_what_never_worked() -> None:
    """Five failures within two minutes, never ready: given up, with the reason in words."""
    connecting = play(NEW, Configure(A), OpenConnection(1, A), Connecting)
    model, waits = fail_repeatedly(connecting, 9, each_lasts=0.1)
    assert len(waits) == 4
    assert isinstance(model.state, Failed)
    assert model.state.fault.code is FaultCode.CRASH_LOOP
    assert EARLY.message in model.state.fault.message
    assert "5 failed starts" in model.state.fault.message


def test_f28_what_the_system_refuses_is_not_held_against_a_server() -> None:
    """Without room for a process it is tried for ever, and its own failures count alone."""
    model = play(NEW, Configure(A), OpenConnection(1, A), Connecting)
    refused = Fault(FaultCode.RESOURCES, "no room")
    now = 0.0
    for fault in (EARLY, *[refused] * 9, EARLY, EARLY, refused, EARLY):
        now += 0.1
        model, _ = transition(model, Ended(model.epoch, now, fault))
        assert isinstance(model.state, Backoff)
        model, _ = transition(model, RetryDue(model.epoch))
    assert len(model.failures) == 4
    model, _ = transition(model, Ended(model.epoch, now + 0.1, EARLY))
    assert isinstance(model.state, Failed)


def test_a_server_by_url_is_never_given_up() -> None:
    """It may only be the network that is not there yet, so it is tried for ever, at its cap."""
    connecting = play(Model(REMOTE), Configure(REMOTE), OpenConnection(1, REMOTE), Connecting)
    model, waits = fail_repeatedly(connecting, 20, each_lasts=0.1)
    assert len(waits) == 20
    assert waits[-1] == pytest.approx(300.0, rel=0.2001)
    assert isinstance(model.state, Connecting)


def test_what_somebody_else_has_to_start_is_waited_for_slowly() -> None:
    """Half a minute at first, a minute later, and never given up."""
    model = play(NEW, Configure(A), OpenConnection(1, A), Connecting)
    for number in range(9):
        model, _ = transition(
            model, Ended(model.epoch, 0.0, Fault(FaultCode.DEP_DOCKER_DOWN, "not running"))
        )
        assert isinstance(model.state, Backoff)
        assert model.state.retry_at == pytest.approx(60.0 if number > 5 else 32.0, rel=0.2001)
        model, _ = transition(model, RetryDue(model.epoch))


def test_slow_failures_go_on() -> None:
    """Failures that take a minute each are never five in two minutes."""
    connecting = play(NEW, Configure(A), OpenConnection(1, A), Connecting)
    model, waits = fail_repeatedly(connecting, 20, each_lasts=60.0)
    assert len(waits) == 20
    assert isinstance(model.state, Connecting)
    assert model.attempt == 21
    assert len(model.failures) == 5


@pytest.mark.parametrize(("config", "cap"), [(A, 60.0), (REMOTE, 300.0)])
def test_never_gives_up_on_what_worked_once(config: ServerConfig, cap: float) -> None:
    """A server that was ready once is tried for ever, ever more slowly up to the cap."""
    model = up(config)
    model, waits = fail_repeatedly(model, 40, each_lasts=0.1)
    assert len(waits) == 40
    assert isinstance(model.state, Connecting)
    for number, wait in enumerate(waits):
        assert wait == pytest.approx(min(2.0**number, cap), rel=0.2001)


@pytest.mark.parametrize(("lasted", "attempt"), [(59.9, 8), (60.0, 1), (61.0, 1)])
def test_stability_forgets(lasted: float, attempt: int) -> None:
    """After a minute of being ready earlier failures no longer slow the next attempt."""
    model, _ = fail_repeatedly(up(), 7, each_lasts=0.1)
    assert model.attempt == 8
    model = play(model, Connected(model.epoch, 1000.0, PEER), Ready)
    model, _ = transition(model, Ended(model.epoch, 1000.0 + lasted, CRASH))
    assert isinstance(model.state, Backoff)
    assert model.attempt == attempt


def test_a_wish_forgets() -> None:
    """Restart and an edit begin a new count of attempts and failures."""
    connecting = play(NEW, Configure(A), OpenConnection(1, A), Connecting)
    trying, _ = fail_repeatedly(connecting, 3, each_lasts=0.1)
    waiting, _ = transition(trying, Ended(trying.epoch, 30.0, EARLY))
    assert isinstance(waiting.state, Backoff)
    trying, _ = transition(waiting, RetryDue(waiting.epoch))
    given_up, _ = transition(trying, Ended(trying.epoch, 40.0, EARLY))
    assert isinstance(given_up.state, Failed)
    for model in (waiting, given_up):
        for event in (Restart(), Configure(B)):
            fresh, _ = transition(model, event)
            assert fresh.state == Connecting()
            assert (fresh.attempt, fresh.failures) == (1, ())


def test_play_shows_the_difference() -> None:
    """The helper these tests speak through fails with a diff when the machine says otherwise."""
    with pytest.raises(AssertionError, match=r"(?s)- << CloseConnection.*\+ == Removed"):
        play(NEW, Remove(), CloseConnection(1), Removed(), Remove(), Removed, Restart(), Disabled())
    states: tuple[State, ...] = (Disabled(), Removed())
    for state in states:
        with pytest.raises(AssertionError, match="the dialogue differs"):
            play(Model(A, state), Restart(), Connecting())

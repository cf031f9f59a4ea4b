"""The world around one machine: connections and timers that keep their promises.

Taking a step performs the effects and checks everything that must hold always.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.lifecycle.backoff import CAP_REMOTE, GIVE_UP_FAILURES
from core.lifecycle.machine import (
    AuthRequired,
    Backoff,
    CancelRetryTimer,
    CloseConnection,
    Connected,
    Connecting,
    Disabled,
    Ended,
    Event,
    Failed,
    Model,
    Observed,
    OpenConnection,
    PeerChanged,
    Ready,
    Remove,
    Removed,
    RetryDue,
    StartRetryTimer,
    Stopping,
    transition,
)
from tests.unit.lifecycle.samples import CRASH, OTHER_PEER, PEER

WITH_CONNECTION = (Connecting, Ready, Stopping)
WITH_FAULT = (Backoff, AuthRequired, Failed)


@dataclass(frozen=True, slots=True)
class World:
    """A machine, the connections that are open or told to close, and the timers armed."""

    model: Model
    open: frozenset[int] = frozenset()
    closing: frozenset[int] = frozenset()
    timers: frozenset[int] = frozenset()

    def can_happen(self, event: Event) -> bool:
        """Whether something in this world could cause the event now."""
        match event:
            case Connected(epoch=epoch) | PeerChanged(epoch=epoch) | Ended(epoch=epoch):
                return epoch in self.open
            case RetryDue(epoch=epoch):
                return epoch in self.timers
        return True

    def step(self, event: Event) -> World:
        """The world after the event and what it leads to; checks every invariant."""
        assert self.can_happen(event), event
        before = self
        if isinstance(event, Ended):
            before = replace(
                before,
                open=before.open - {event.epoch},
                closing=before.closing - {event.epoch},
            )
        if isinstance(event, RetryDue):
            before = replace(before, timers=before.timers - {event.epoch})
        model, effects = transition(self.model, event)
        after = replace(before, model=model)
        for effect in effects:
            match effect:
                case OpenConnection(epoch=epoch, config=config):
                    assert not after.open, "a second connection was opened"
                    assert config.enabled, "a connection of a disabled server was opened"
                    assert config == model.config, "opened with another configuration"
                    assert epoch > self.model.epoch, "an epoch was used twice"
                    after = replace(after, open=after.open | {epoch})
                case CloseConnection(epoch=epoch):
                    assert epoch in after.open, "closed what is not open"
                    assert epoch not in after.closing, "closed twice"
                    after = replace(after, closing=after.closing | {epoch})
                case StartRetryTimer(epoch=epoch, at=at):
                    assert isinstance(event, Ended)
                    assert 0.8 <= at - event.at <= CAP_REMOTE * 1.2
                    assert isinstance(model.state, Backoff)
                    assert model.state.retry_at == at
                    after = replace(after, timers=after.timers | {epoch})
                case CancelRetryTimer(epoch=epoch):
                    assert epoch in after.timers, "cancelled a timer that is not armed"
                    after = replace(after, timers=after.timers - {epoch})
        if isinstance(self.model.state, Removed):
            assert after == self, "removal is not final"
        after.check()
        return after

    def check(self) -> None:
        """What holds in every world that can be reached."""
        model, state = self.model, self.model.state
        expected = {model.epoch} if isinstance(state, WITH_CONNECTION) else set()
        assert self.open == expected, "connection outstanding iff Connecting, Ready or Stopping"
        assert self.closing == (expected if isinstance(state, Stopping) else set())
        armed = {model.epoch} if isinstance(state, Backoff) else set()
        assert self.timers == armed, "timer armed iff Backoff"
        if not model.config.enabled:
            assert isinstance(state, Disabled | Stopping | Removed), "disabled, yet active"
        assert len(model.failures) <= GIVE_UP_FAILURES
        if isinstance(state, Connecting | Ready | Backoff):
            assert model.attempt >= 1
        if isinstance(state, Disabled | AuthRequired | Failed | Removed):
            assert (model.attempt, model.failures) == (0, ()), "at rest nothing is counted"
        if isinstance(state, Ready):
            assert model.ever_ready
        assert isinstance(state, WITH_FAULT) == hasattr(state, "fault")

    def check_that_removal_works(self) -> None:
        """Liveness: ``Remove`` and the end that was promised always reach ``Removed``."""
        world = self.step(Remove())
        for epoch in world.open:
            world = world.step(Ended(epoch, 0.0, CRASH))
        assert isinstance(world.model.state, Removed)
        assert not world.open
        assert not world.timers

    def check_that_the_impossible_changes_nothing(self) -> None:
        """What is stale, or was never caused, changes nothing (an inbox may still hold it)."""
        for event in impossible(self):
            assert transition(self.model, event) == (self.model, ()), event


def observations(epoch: int) -> Iterator[Observed]:
    yield Connected(epoch, 0.0, PEER)
    yield PeerChanged(epoch, OTHER_PEER)
    yield Ended(epoch, 0.0, CRASH)
    yield Ended(epoch, 0.0, None)
    yield RetryDue(epoch)


def impossible(world: World) -> Iterator[Observed]:
    """Observations of all epochs around now that nothing in this world can have caused."""
    for epoch in range(world.model.epoch + 2):
        for event in observations(epoch):
            if not world.can_happen(event):
                yield event

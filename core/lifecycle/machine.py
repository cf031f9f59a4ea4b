"""The life of one server: one total table of what each event makes of each state.

Everything that decides lives in this file, over the vocabulary beside it. ``transition`` is a
pure function; who performs the effects, and how, is the actor's business. The machine knows
neither stdio from HTTP nor time: moments arrive inside events, as monotonic seconds.

Rules:

* Every cell of the table is filled; ``_ignore`` is spelled out. Illegal is unrepresentable.
* ``epoch`` numbers the connections opened so far. What is observed carries the epoch it belongs
  to, and anything stale changes nothing.
* A connection is outstanding exactly in Connecting, Ready and Stopping; the retry timer is armed
  exactly in Backoff. Each ``OpenConnection`` is answered by exactly one ``Ended``.

Quarantine is not here: it is a policy over tools, not a state of the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.lifecycle import backoff
from core.lifecycle.vocabulary import (
    AuthRequired,
    Backoff,
    CancelRetryTimer,
    CloseConnection,
    Configure,
    Connected,
    Connecting,
    CredentialsChanged,
    Disabled,
    Effect,
    Ended,
    Event,
    Failed,
    Observed,
    OpenConnection,
    PeerChanged,
    Ready,
    Remove,
    Removed,
    Restart,
    RetryDue,
    RetryNow,
    StartRetryTimer,
    State,
    Stopping,
    Then,
)
from core.model.config import Http, ServerConfig
from core.model.faults import Fault, FaultCode, FaultKind

__all__ = [
    "TABLE",
    "AuthRequired",
    "Backoff",
    "CancelRetryTimer",
    "CloseConnection",
    "Configure",
    "Connected",
    "Connecting",
    "CredentialsChanged",
    "Disabled",
    "Effect",
    "Ended",
    "Event",
    "Failed",
    "Model",
    "Observed",
    "OpenConnection",
    "PeerChanged",
    "Ready",
    "Remove",
    "Removed",
    "Restart",
    "RetryDue",
    "RetryNow",
    "StartRetryTimer",
    "State",
    "Stopping",
    "Then",
    "transition",
]

# These say nothing of the server, which is never given up for them.
BLAMELESS = frozenset({FaultCode.RESOURCES, FaultCode.DEP_DOCKER_DOWN})
SLOW = frozenset({FaultCode.DEP_DOCKER_DOWN})  # a person has to start something first

# --- the model --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that is known about one server's life."""

    config: ServerConfig
    state: State = Disabled()
    epoch: int = 0
    attempt: int = 0  # attempts since the server was last stable or told to start, from 1
    ever_ready: bool = False  # since it was last configured anew
    failures: tuple[float, ...] = ()  # moments of the latest failures, oldest first


Step = tuple[Model, tuple[Effect, ...]]


def transition(model: Model, event: Event) -> Step:
    """What the event makes of the model, and what is to be done about it."""
    if isinstance(event, Observed) and event.epoch != model.epoch:
        return model, ()
    return TABLE[type(model.state)][type(event)](model, event)


# --- cells ------------------------------------------------------------------------------------


def _ignore(model: Model, event: Event) -> Step:
    return model, ()


def _open(model: Model, attempt: int) -> Step:
    epoch = model.epoch + 1
    opened = replace(model, state=Connecting(), epoch=epoch, attempt=attempt)
    return opened, (OpenConnection(epoch, model.config),)


def _open_afresh(model: Model, config: ServerConfig) -> Step:
    """Open with a clean record: the person, the file or the network changed something."""
    fresh = replace(model, config=config, failures=(), ever_ready=False)
    return _open(fresh, attempt=1)


def _close(model: Model, then: Then) -> Step:
    return replace(model, state=Stopping(then)), (CloseConnection(model.epoch),)


def _rest(model: Model, state: State) -> Step:
    return replace(model, state=state, attempt=0, failures=()), ()


def _configure_outstanding(model: Model, event: Event) -> Step:
    assert isinstance(event, Configure)
    keyed_alike = event.config.connection_key == model.config.connection_key
    configured = replace(model, config=event.config)
    if not event.config.enabled:
        return _close(configured, Then.DISABLE)
    if not keyed_alike:
        return _close(configured, Then.CONNECT)
    return configured, ()


def _configure_resting(model: Model, event: Event) -> Step:
    assert isinstance(event, Configure)
    keyed_alike = event.config.connection_key == model.config.connection_key
    if not event.config.enabled:
        return _rest(replace(model, config=event.config), Disabled())
    if not keyed_alike or isinstance(model.state, Disabled):
        return _open_afresh(model, event.config)
    return replace(model, config=event.config), ()


def _configure_backoff(model: Model, event: Event) -> Step:
    configured, effects = _configure_resting(model, event)
    if isinstance(configured.state, Backoff):
        return configured, effects
    return configured, (CancelRetryTimer(model.epoch), *effects)


def _configure_stopping(model: Model, event: Event) -> Step:
    assert isinstance(event, Configure)
    assert isinstance(model.state, Stopping)
    if model.state.then is Then.REMOVE:
        return model, ()
    then = Then.CONNECT if event.config.enabled else Then.DISABLE
    return replace(model, config=event.config, state=Stopping(then)), ()


def _restart_outstanding(model: Model, event: Event) -> Step:
    return _close(model, Then.CONNECT)


def _restart_resting(model: Model, event: Event) -> Step:
    return _open_afresh(model, model.config)


def _restart_backoff(model: Model, event: Event) -> Step:
    opened, effects = _open_afresh(model, model.config)
    return opened, (CancelRetryTimer(model.epoch), *effects)


def _remove_outstanding(model: Model, event: Event) -> Step:
    return _close(model, Then.REMOVE)


def _remove_resting(model: Model, event: Event) -> Step:
    return _rest(model, Removed())


def _remove_backoff(model: Model, event: Event) -> Step:
    removed, _ = _rest(model, Removed())
    return removed, (CancelRetryTimer(model.epoch),)


def _remove_stopping(model: Model, event: Event) -> Step:
    return replace(model, state=Stopping(Then.REMOVE)), ()


def _connected(model: Model, event: Event) -> Step:
    assert isinstance(event, Connected)
    return replace(model, state=Ready(event.at, event.peer), ever_ready=True, failures=()), ()


def _peer_changed(model: Model, event: Event) -> Step:
    assert isinstance(event, PeerChanged)
    assert isinstance(model.state, Ready)
    return replace(model, state=replace(model.state, peer=event.peer)), ()


_ENDED_UNASKED = Fault(FaultCode.CRASHED, "The server ended without being asked to.")


def _ended(model: Model, event: Event) -> Step:
    assert isinstance(event, Ended)
    fault = event.fault or _ENDED_UNASKED
    match fault.kind:
        case FaultKind.AUTH:
            return _rest(model, AuthRequired(fault))
        case FaultKind.TERMINAL:
            return _rest(model, Failed(fault))
        case FaultKind.TRANSIENT:
            return _ended_transient(model, event.at, fault)


def _ended_transient(model: Model, at: float, fault: Fault) -> Step:
    state = model.state
    stable = isinstance(state, Ready) and at - state.since >= backoff.STABLE_AFTER
    attempt = 1 if stable else model.attempt
    failures = model.failures
    if fault.code not in BLAMELESS:
        failures = (*failures, at)[-backoff.GIVE_UP_FAILURES :]
    remote = isinstance(model.config.transport, Http)
    # What is not ours to start costs little to try, and the network may be what fails.
    if not remote and backoff.gives_up(model.ever_ready, failures):
        message = f"Stopped after {len(failures)} failed starts in a row. {fault.message}"
        return _rest(model, Failed(Fault(FaultCode.CRASH_LOOP, message, fault.detail)))
    cap = backoff.CAP_REMOTE if remote else backoff.CAP_STDIO
    pace = max(attempt, backoff.SLOW_FROM) if fault.code in SLOW else attempt
    retry_at = at + backoff.retry_delay(model.config.name, model.epoch, pace, cap)
    waiting = replace(model, state=Backoff(retry_at, fault), attempt=attempt, failures=failures)
    return waiting, (StartRetryTimer(model.epoch, retry_at),)


def _stopped(model: Model, event: Event) -> Step:
    assert isinstance(model.state, Stopping)
    match model.state.then:
        case Then.CONNECT:
            return _open_afresh(model, model.config)
        case Then.DISABLE:
            return _rest(model, Disabled())
        case Then.REMOVE:
            return _rest(model, Removed())


def _retry(model: Model, event: Event) -> Step:
    return _open(model, model.attempt + 1)


def _retry_now(model: Model, event: Event) -> Step:
    opened, effects = _retry(model, event)
    return opened, (CancelRetryTimer(model.epoch), *effects)


Cell = Callable[[Model, Event], Step]

TABLE: dict[type[State], dict[type[Event], Cell]] = {
    Disabled: {
        Configure: _configure_resting,
        Restart: _ignore,
        RetryNow: _ignore,
        Remove: _remove_resting,
        CredentialsChanged: _ignore,
        Connected: _ignore,
        PeerChanged: _ignore,
        Ended: _ignore,
        RetryDue: _ignore,
    },
    Connecting: {
        Configure: _configure_outstanding,
        Restart: _restart_outstanding,
        RetryNow: _ignore,
        Remove: _remove_outstanding,
        CredentialsChanged: _ignore,
        Connected: _connected,
        PeerChanged: _ignore,
        Ended: _ended,
        RetryDue: _ignore,
    },
    Ready: {
        Configure: _configure_outstanding,
        Restart: _restart_outstanding,
        RetryNow: _ignore,
        Remove: _remove_outstanding,
        CredentialsChanged: _ignore,
        Connected: _ignore,
        PeerChanged: _peer_changed,
        Ended: _ended,
        RetryDue: _ignore,
    },
    Backoff: {
        Configure: _configure_backoff,
        Restart: _restart_backoff,
        RetryNow: _retry_now,
        Remove: _remove_backoff,
        CredentialsChanged: _restart_backoff,
        Connected: _ignore,
        PeerChanged: _ignore,
        Ended: _ignore,
        RetryDue: _retry,
    },
    AuthRequired: {
        Configure: _configure_resting,
        Restart: _restart_resting,
        RetryNow: _ignore,
        Remove: _remove_resting,
        CredentialsChanged: _restart_resting,
        Connected: _ignore,
        PeerChanged: _ignore,
        Ended: _ignore,
        RetryDue: _ignore,
    },
    Failed: {
        Configure: _configure_resting,
        Restart: _restart_resting,
        RetryNow: _ignore,
        Remove: _remove_resting,
        CredentialsChanged: _restart_resting,
        Connected: _ignore,
        PeerChanged: _ignore,
        Ended: _ignore,
        RetryDue: _ignore,
    },
    Stopping: {
        Configure: _configure_stopping,
        Restart: _ignore,
        RetryNow: _ignore,
        Remove: _remove_stopping,
        CredentialsChanged: _ignore,
        Connected: _ignore,
        PeerChanged: _ignore,
        Ended: _stopped,
        RetryDue: _ignore,
    },
    Removed: {
        Configure: _ignore,
        Restart: _ignore,
        RetryNow: _ignore,
        Remove: _ignore,
        CredentialsChanged: _ignore,
        Connected: _ignore,
        PeerChanged: _ignore,
        Ended: _ignore,
        RetryDue: _ignore,
    },
}

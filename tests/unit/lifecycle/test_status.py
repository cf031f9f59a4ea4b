"""What people are told about a server: one set of words for each state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.lifecycle import machine
from core.lifecycle.machine import Model, State, Then
from core.lifecycle.status import Delay, Times, view
from core.model.config import ServerConfig
from core.model.faults import RULES, Action, Fault, FaultCode
from core.model.status import AdminState, Concern, Level, Peer, Phase, ServerStatus
from core.model.tools import Tool
from tests.unit.lifecycle.samples import BROKEN, CRASH, OFF, PEER, REMOTE, A

TIMES = Times(since=datetime(2026, 1, 1, tzinfo=UTC), retry_at=datetime(2026, 1, 2, tzinfo=UTC))
QUARANTINED = replace(A, quarantined=True)


def seen(config: ServerConfig, state: State, attempt: int = 1) -> ServerStatus:
    status = view(Model(config, state, epoch=1, attempt=attempt), TIMES)
    assert status is not None
    return status


@pytest.mark.parametrize(
    ("config", "state", "phase", "level", "summary", "action"),
    [
        (OFF, machine.Disabled(), Phase.DISABLED, Level.HEALTHY, "Disabled", Action.ENABLE),
        (A, machine.Connecting(), Phase.CONNECTING, Level.DEGRADED, "Connecting", Action.NONE),
        (A, machine.Ready(0.0, PEER), Phase.READY, Level.HEALTHY, "Ready, 1 tool", Action.NONE),
        (A, machine.Ready(0.0, Peer()), Phase.READY, Level.HEALTHY, "Ready, 0 tools", Action.NONE),
        (
            QUARANTINED,
            machine.Ready(0.0, PEER),
            Phase.READY,
            Level.DEGRADED,
            "Waiting for approval",
            Action.APPROVE,
        ),
        (
            A,
            machine.Backoff(1.0, CRASH),
            Phase.BACKOFF,
            Level.DEGRADED,
            "Waiting to try again",
            Action.RESTART,
        ),
        (
            A,
            machine.AuthRequired(Fault(FaultCode.LOGIN_NEEDED, "Sign in.")),
            Phase.AUTH_REQUIRED,
            Level.DEGRADED,
            "Sign in needed",
            Action.LOGIN,
        ),
        (
            A,
            machine.AuthRequired(Fault(FaultCode.AUTH_REQUIRED, "It wants a key.")),
            Phase.AUTH_REQUIRED,
            Level.DEGRADED,
            "Key needed",
            Action.CONFIGURE,
        ),
        (A, machine.Failed(BROKEN), Phase.FAILED, Level.UNHEALTHY, "Stopped", Action.CONFIGURE),
        *(
            (A, machine.Stopping(then), Phase.STOPPING, Level.HEALTHY, "Stopping", Action.NONE)
            for then in Then
        ),
    ],
)
def test_words(
    config: ServerConfig, state: State, phase: Phase, level: Level, summary: str, action: Action
) -> None:
    """Each state has its phase, level, words and one next step."""
    status = seen(config, state)
    health = status.health
    assert (status.phase, health.level, health.action) == (phase, level, action)
    assert health.summary == summary


@pytest.mark.parametrize("config", [A, OFF, QUARANTINED, REMOTE, replace(OFF, quarantined=True)])
@pytest.mark.parametrize(
    "state",
    [
        machine.Disabled(),
        machine.Connecting(),
        machine.Ready(0.0, PEER),
        machine.Backoff(1.0, CRASH),
        machine.AuthRequired(CRASH),
        machine.Failed(BROKEN),
        machine.Stopping(Then.DISABLE),
    ],
)
def test_facts(config: ServerConfig, state: State) -> None:
    """Fault, peer and retry time are there exactly when the phase has them."""
    status = seen(config, state)
    faulty = status.phase in (Phase.BACKOFF, Phase.AUTH_REQUIRED, Phase.FAILED)
    assert (status.fault is not None) == faulty
    assert (status.health.detail == (status.fault.message if status.fault else "")) or (
        status.phase in (Phase.READY, Phase.DISABLED) and config.quarantined
    )
    assert (status.retry_at is not None) == (status.phase is Phase.BACKOFF)
    assert (status.peer is not None) == (status.phase is Phase.READY)
    assert status.tools == (PEER.tools if status.phase is Phase.READY else ())
    assert status.pid == (7 if status.phase is Phase.READY else None)
    assert (status.name, status.since) == (config.name, TIMES.since)
    assert status.kind == ("http" if config is REMOTE else "stdio")
    assert status.quarantined is config.quarantined
    wanted = AdminState.QUARANTINED if config.quarantined else AdminState.ENABLED
    assert status.health.admin_state is (wanted if config.enabled else AdminState.DISABLED)


def test_attempts_are_counted() -> None:
    """From the second attempt on, people see which one it is."""
    assert seen(A, machine.Connecting(), attempt=2).health.summary == "Connecting (attempt 2)"


def test_many_tools() -> None:
    """The number of tools is in the words."""
    tools = tuple(Tool(f"t{number}", b"{}") for number in range(12))
    assert seen(A, machine.Ready(0.0, Peer(tools=tools))).health.summary == "Ready, 12 tools"


def test_removed_is_not_shown() -> None:
    """A removed server has no status at all."""
    assert view(Model(A, machine.Removed()), TIMES) is None


@pytest.mark.parametrize("code", list(FaultCode))
def test_every_fault_has_a_next_step(code: FaultCode) -> None:
    """Each fault says what a person can do, and the status passes it on."""
    fault = Fault(code, "Something.")
    assert set(RULES) == set(FaultCode)
    assert fault.action is not Action.NONE
    status = seen(A, machine.Failed(fault))
    assert status.health.action is fault.action
    assert status.health.detail == "Something."


def test_a_server_that_is_still_downloaded_is_not_just_connecting() -> None:
    """Who waits for a first start sees why it takes so long; later states do not say it."""
    for state, summary in (
        (machine.Connecting(), "Connecting, still downloading"),
        (machine.Ready(0.0, PEER), "Ready, 1 tool"),
    ):
        status = view(Model(A, state, epoch=1, attempt=2), TIMES, delay=Delay.DOWNLOADING)
        assert status is not None
        assert status.health.summary == summary


def test_f18_a_server_that_is_made_to_end_is_not_just_stopping() -> None:
    """Who waits for it sees that asking was in vain; the next start does not say it."""
    for state, summary in (
        (machine.Stopping(Then.DISABLE), "Stopping (forcing)"),
        (machine.Connecting(), "Connecting (attempt 2)"),
    ):
        status = view(Model(A, state, epoch=1, attempt=2), TIMES, delay=Delay.FORCING)
        assert status is not None
        assert status.health.summary == summary


def test_concerns_of_a_ready_server_are_told_the_first_action_is_offered() -> None:
    """It stays ready and counts its tools; a quarantine is the more pressing word."""
    concerns = (Concern("A list was cut."), Concern("It hangs.", Action.RESTART))
    peer = replace(PEER, concerns=concerns)
    health = seen(A, machine.Ready(0.0, peer)).health
    assert (health.level, health.summary) == (Level.DEGRADED, "Ready, 1 tool")
    assert (health.detail, health.action) == ("A list was cut. It hangs.", Action.RESTART)
    assert seen(QUARANTINED, machine.Ready(0.0, peer)).health.action is Action.APPROVE

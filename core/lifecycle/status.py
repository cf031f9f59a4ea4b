"""What the world sees of a server: the machine's model turned into a status and words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from core.lifecycle import machine
from core.model.config import ServerConfig, Stdio
from core.model.faults import Action, Fault
from core.model.status import AdminState, Health, Level, Peer, Phase, ServerStatus


@dataclass(frozen=True, slots=True)
class Times:
    """Wall-clock facts beside the machine, UTC."""

    since: datetime  # when the phase began
    retry_at: datetime | None = None


def phase_of(state: machine.State) -> Phase | None:
    """The published phase; None for a removed server, which is not published."""
    match state:
        case machine.Disabled():
            return Phase.DISABLED
        case machine.Connecting():
            return Phase.CONNECTING
        case machine.Ready():
            return Phase.READY
        case machine.Backoff():
            return Phase.BACKOFF
        case machine.AuthRequired():
            return Phase.AUTH_REQUIRED
        case machine.Failed():
            return Phase.FAILED
        case machine.Stopping():
            return Phase.STOPPING
        case machine.Removed():
            return None
        case _:
            assert_never(state)


def view(model: machine.Model, times: Times, downloading: bool = False) -> ServerStatus | None:
    """The status to publish; None for a removed server.

    ``downloading``: what is being started is still on its way to this machine.
    """
    state = model.state
    phase = phase_of(state)
    if phase is None:
        return None
    fault = state.fault if isinstance(state, FAULTY) else None
    peer = state.peer if isinstance(state, machine.Ready) else None
    return ServerStatus(
        name=model.config.name,
        phase=phase,
        health=health(phase, model.config, fault, peer, model.attempt, downloading),
        since=times.since,
        kind="stdio" if isinstance(model.config.transport, Stdio) else "http",
        quarantined=model.config.quarantined,
        attempt=model.attempt,
        retry_at=times.retry_at if phase is Phase.BACKOFF else None,
        fault=fault,
        peer=peer,
    )


FAULTY = (machine.Backoff, machine.AuthRequired, machine.Failed)


def health(
    phase: Phase,
    config: ServerConfig,
    fault: Fault | None,
    peer: Peer | None,
    attempt: int,
    downloading: bool = False,
) -> Health:
    """The one set of words for a server; what a person chose is never shown as a fault."""
    admin = AdminState.ENABLED
    if config.quarantined:
        admin = AdminState.QUARANTINED
    if not config.enabled:
        admin = AdminState.DISABLED
    message = fault.message if fault is not None else ""
    action = fault.action if fault is not None else Action.NONE
    match phase:
        case Phase.DISABLED:
            return Health(
                level=Level.HEALTHY, admin_state=admin, summary="Disabled", action=Action.ENABLE
            )
        case Phase.CONNECTING:
            summary = "Connecting" if attempt <= 1 else f"Connecting (attempt {attempt})"
            if downloading:
                summary = "Connecting, still downloading"
            return Health(level=Level.DEGRADED, admin_state=admin, summary=summary)
        case Phase.READY if config.quarantined:
            return Health(
                level=Level.DEGRADED,
                admin_state=admin,
                summary="Waiting for approval",
                detail="Its tools stay hidden from AI clients until you approve this server.",
                action=Action.APPROVE,
            )
        case Phase.READY:
            count = len(peer.tools) if peer is not None else 0
            tools = "1 tool" if count == 1 else f"{count} tools"
            concerns = peer.concerns if peer is not None else ()
            return Health(
                level=Level.DEGRADED if concerns else Level.HEALTHY,
                admin_state=admin,
                summary=f"Ready, {tools}",
                detail=" ".join(concern.text for concern in concerns),
                action=next((each.action for each in concerns if each.action), Action.NONE),
            )
        case Phase.BACKOFF:
            return Health(
                level=Level.DEGRADED,
                admin_state=admin,
                summary="Waiting to try again",
                detail=message,
                action=action,
            )
        case Phase.AUTH_REQUIRED:
            return Health(
                level=Level.DEGRADED,
                admin_state=admin,
                summary="Sign in needed",
                detail=message,
                action=Action.LOGIN,
            )
        case Phase.FAILED:
            return Health(
                level=Level.UNHEALTHY,
                admin_state=admin,
                summary="Stopped",
                detail=message,
                action=action,
            )
        case Phase.STOPPING:
            return Health(level=Level.HEALTHY, admin_state=admin, summary="Stopping")
        case _:
            assert_never(phase)

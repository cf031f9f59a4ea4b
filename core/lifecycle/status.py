"""What the world sees of a server: the machine's model turned into a status and words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import assert_never

from core.lifecycle import machine
from core.model.approvals import Hold, Judgement, Review, unguarded
from core.model.config import ServerConfig, Stdio
from core.model.faults import Action, Fault
from core.model.status import AdminState, Health, Level, Peer, Phase, ServerStatus


@dataclass(frozen=True, slots=True)
class Times:
    """Wall-clock facts beside the machine, UTC."""

    since: datetime  # when the phase began
    retry_at: datetime | None = None


class Delay(Enum):
    """Why a phase lasts longer than usual."""

    DOWNLOADING = "downloading"  # what is being started is still on its way to this machine
    FORCING = "forcing"  # it did not end when it was asked to


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


def view(
    model: machine.Model,
    times: Times,
    judgement: Judgement | None = None,
    delay: Delay | None = None,
) -> ServerStatus | None:
    """The status to publish; None for a removed server.

    ``judgement``: what may be used of it, if there is a policy. ``delay``: why its
    phase lasts longer than usual.
    """
    state = model.state
    phase = phase_of(state)
    if phase is None:
        return None
    fault = state.fault if isinstance(state, FAULTY) else None
    peer = state.peer if isinstance(state, machine.Ready) else None
    if judgement is None:
        judgement = unguarded(model.config.quarantined, peer.tools if peer is not None else ())
    if peer is not None and peer.tools is not judgement.tools:
        peer = replace(peer, tools=judgement.tools)
    review = judgement.review
    return ServerStatus(
        name=model.config.name,
        phase=phase,
        health=health(phase, model.config, fault, peer, model.attempt, review, delay),
        since=times.since,
        kind="stdio" if isinstance(model.config.transport, Stdio) else "http",
        quarantined=review.quarantined,
        attempt=model.attempt,
        retry_at=times.retry_at if phase is Phase.BACKOFF else None,
        fault=fault,
        peer=peer,
        review=review,
        offered=judgement.offered,
        withheld=judgement.withheld,
    )


FAULTY = (machine.Backoff, machine.AuthRequired, machine.Failed)


def health(
    phase: Phase,
    config: ServerConfig,
    fault: Fault | None,
    peer: Peer | None,
    attempt: int,
    review: Review,
    delay: Delay | None = None,
) -> Health:
    """The one set of words for a server; what a person chose is never shown as a fault."""
    admin = AdminState.ENABLED
    if review.quarantined:
        admin = AdminState.QUARANTINED
    if not config.enabled:
        admin = AdminState.DISABLED
    message = fault.message if fault is not None else ""
    action = fault.action if fault is not None else Action.NONE
    match phase:
        case Phase.DISABLED if review.hold is Hold.ASKED:
            return Health(
                level=Level.DEGRADED,
                admin_state=admin,
                summary="Waiting for approval",
                detail="It was added but does not run. See what it would run, then approve it.",
                action=Action.APPROVE,
            )
        case Phase.DISABLED:
            return Health(
                level=Level.HEALTHY, admin_state=admin, summary="Disabled", action=Action.ENABLE
            )
        case Phase.CONNECTING:
            summary = "Connecting" if attempt <= 1 else f"Connecting (attempt {attempt})"
            if delay is Delay.DOWNLOADING:
                summary = "Connecting, still downloading"
            return Health(level=Level.DEGRADED, admin_state=admin, summary=summary)
        case Phase.READY if review.quarantined:
            return Health(
                level=Level.DEGRADED,
                admin_state=admin,
                summary="Waiting for approval",
                detail=_WHY_HELD[review.hold],
                action=Action.APPROVE,
            )
        case Phase.READY if review.waiting:
            return Health(
                level=Level.DEGRADED,
                admin_state=admin,
                summary=f"Ready, {_of_tools(peer, review)}",
                detail=" ".join([_waiting(review), *_texts(peer)]),
                action=Action.NONE if review.unread else Action.APPROVE,
            )
        case Phase.READY:
            concerns = peer.concerns if peer is not None else ()
            return Health(
                level=Level.DEGRADED if concerns else Level.HEALTHY,
                admin_state=admin,
                summary=f"Ready, {_of_tools(peer, review)}",
                detail=" ".join(_texts(peer)),
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
                summary="Sign in needed" if action is Action.LOGIN else "Key needed",
                detail=message,
                action=action,
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
            summary = "Stopping (forcing)" if delay is Delay.FORCING else "Stopping"
            return Health(level=Level.HEALTHY, admin_state=admin, summary=summary)
        case _:
            assert_never(phase)


_WHY_HELD = {
    Hold.ASKED: "Its tools stay hidden from AI clients until you approve this server.",
    Hold.ALTERED: "What it runs is no longer what you approved. Its tools stay hidden from AI "
    "clients until you approve this server again.",
}


def _of_tools(peer: Peer | None, review: Review) -> str:
    count = len(peer.tools) if peer is not None else 0
    if review.waiting:
        return f"{count - review.waiting} of {_tools(count)}"
    return _tools(count)


def _tools(count: int) -> str:
    return "1 tool" if count == 1 else f"{count} tools"


def _waiting(review: Review) -> str:
    """What a person is asked for, in a sentence or two."""
    if review.unread:
        return "Its tools stay hidden until what they say, and what you approved, has been read."
    sentences = []
    if review.changed:
        one = len(review.changed) == 1
        how = "has changed since you approved it" if one else "have changed since you approved them"
        sentences.append(f"{_tools(len(review.changed))} {how}.")
    if review.pending:
        verb = "needs" if len(review.pending) == 1 else "need"
        sentences.append(f"{_tools(len(review.pending))} {verb} your approval.")
    return " ".join(sentences)


def _texts(peer: Peer | None) -> list[str]:
    return [concern.text for concern in peer.concerns] if peer is not None else []

"""How it stands in one line: the same words in the tray, on the command line and for systemd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from core.model.chunked import of_each_chunk
from core.model.faults import Action
from core.model.status import EnginePhase, Phase, ServerStatus, Snapshot

STARTING = "starting"
STOPPING = "stopping"
NO_SERVERS = "no servers configured"
PAUSED = "paused"
NOT_REACHABLE = "AI clients cannot connect"


def headline(snapshot: Snapshot) -> str:
    """How many of how many are ready, and what is with the others; the gravest first."""
    statuses = snapshot.servers.values()
    if snapshot.engine is EnginePhase.STARTING:
        return STARTING
    if snapshot.engine is EnginePhase.STOPPING:
        return STOPPING
    if snapshot.endpoint is None:
        return NOT_REACHABLE
    if not statuses:
        return NO_SERVERS
    if snapshot.config.paused:
        return PAUSED
    count: Counter[Phase | Action | None] = Counter()
    for some in of_each_chunk(snapshot.servers, _counted):
        count.update(some)
    if count[Phase.DISABLED] == len(statuses):
        every = len(statuses)
        return "its only server is disabled" if every == 1 else f"all {every} servers are disabled"
    parts = [f"{count[Phase.READY]} of {len(statuses) - count[Phase.DISABLED]} ready"]
    for phase, one, several in (
        (Phase.FAILED, "stopped", "stopped"),
        (Phase.AUTH_REQUIRED, "needs sign-in", "need sign-in"),
        (Action.CONFIGURE, "needs a key", "need a key"),
        (None, "needs approval", "need approval"),
        (Phase.BACKOFF, "waiting to try again", "waiting to try again"),
        (Phase.CONNECTING, "connecting", "connecting"),
        (Phase.STOPPING, "stopping", "stopping"),
        (Phase.DISABLED, "disabled", "disabled"),
    ):
        if number := count[phase]:
            parts.append(f"{number} {one if number == 1 else several}")
    return ", ".join(parts)


def _counted(statuses: Collection[ServerStatus]) -> Counter[Phase | Action | None]:
    return Counter(map(_counted_as, statuses))


def _counted_as(status: ServerStatus) -> Phase | Action | None:
    """The phase; None for one that is connected but must not be used before it is approved, and
    the action for one that wants a key, since nobody can sign in to it."""
    if status.phase is Phase.AUTH_REQUIRED and status.health.action is Action.CONFIGURE:
        return Action.CONFIGURE
    waits = status.phase is Phase.READY and status.health.action is Action.APPROVE
    return None if waits else status.phase

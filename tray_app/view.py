"""From a snapshot to what the tray shows: a pure function to a frozen, comparable value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum

from core.model.faults import Action
from core.model.headline import headline
from core.model.status import EnginePhase, Level, Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.local import NOTHING_KNOWN, Local
from tray_app.menu import menu
from tray_app.row import Row
from tray_app.rows import needs_attention, problem_line

TOOLTIP_PROBLEMS = 4


class IconState(StrEnum):
    """What the icon says by its shape (ux.md C.3)."""

    OK = "ok"
    ATTENTION = "attention"
    ERROR = "error"
    PAUSED = "paused"
    OFFLINE = "offline"
    STARTING = "starting"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayView:
    """All that is shown; equality is the whole diff."""

    icon: IconState
    title: str
    tooltip: str
    menu: tuple[Row, ...]


def view_of(
    snapshot: Snapshot, local: Local = NOTHING_KNOWN, zone: tzinfo | None = None
) -> TrayView:
    """What to show. ``zone`` is where the person's clock is (None: this computer's)."""
    statuses = sorted(
        snapshot.servers.values(), key=lambda status: (status.name.lower(), status.name)
    )
    troubled = [status for status in statuses if needs_attention(status)]
    title = text.headline(headline(snapshot))
    return TrayView(
        icon=_icon(snapshot, statuses),
        title=title,
        tooltip=_tooltip(snapshot, troubled, zone),
        menu=tuple(menu(snapshot, local, title, statuses, troubled, zone)),
    )


def _icon(snapshot: Snapshot, statuses: Sequence[ServerStatus]) -> IconState:
    """The worst thing a person could act on; what a person chose is never red."""
    if snapshot.engine is not EnginePhase.RUNNING:
        return IconState.STARTING
    if snapshot.endpoint is None:
        return IconState.OFFLINE
    shown = [_icon_of(status) for status in statuses]
    if snapshot.config_problem is not None or snapshot.storage_problem:
        shown.append(IconState.ATTENTION)
    for worst in (IconState.ERROR, IconState.ATTENTION, IconState.STARTING):
        if worst in shown:
            return worst
    if statuses and all(state is IconState.PAUSED for state in shown):
        return IconState.PAUSED
    return IconState.OK


_A_PERSON_HAS_TO_GIVE = frozenset({Action.LOGIN, Action.APPROVE, Action.SET_SECRET})


def _icon_of(status: ServerStatus) -> IconState:
    if status.phase is Phase.DISABLED:
        return IconState.PAUSED
    if needs_attention(status):
        broken = status.health.level is Level.UNHEALTHY
        calm = status.health.action in _A_PERSON_HAS_TO_GIVE
        return IconState.ERROR if broken and not calm else IconState.ATTENTION
    return IconState.STARTING if status.phase is Phase.CONNECTING else IconState.OK


def _tooltip(snapshot: Snapshot, troubled: Sequence[ServerStatus], zone: tzinfo | None) -> str:
    lines = []
    if snapshot.config_problem is not None:
        lines.append(text.config_problem(str(snapshot.config_problem)))
    if snapshot.storage_problem:
        lines.append(text.storage_problem(snapshot.storage_problem))
    lines += [problem_line(status, zone) for status in troubled[:TOOLTIP_PROBLEMS]]
    if len(troubled) > TOOLTIP_PROBLEMS:
        lines.append(text.more_in_servers(len(troubled) - TOOLTIP_PROBLEMS))
    return "\n".join(lines)

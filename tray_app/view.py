"""From a snapshot to what the tray shows: a pure function to a frozen, comparable value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum

from core.model.faults import Action
from core.model.headline import headline
from core.model.intents import RestartServer, SetEnabled, allowed
from core.model.status import AdminState, EnginePhase, Level, Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.actions import Verb

GROUP_SIZE = 25
"""Servers in one submenu; more are grouped, so that no menu outgrows the screen."""

ATTENTION_LIMIT = 8
"""Problem rows at the top of the menu; the others are counted and found under Servers."""

TOOLTIP_PROBLEMS = 4

TOOLS_SHOWN = 6
"""Tools that wait for approval, by name; the others are counted."""


class IconState(StrEnum):
    """What the icon says by its shape (ux.md C.3)."""

    OK = "ok"
    ATTENTION = "attention"
    ERROR = "error"
    PAUSED = "paused"
    OFFLINE = "offline"
    STARTING = "starting"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the menu.

    ``id`` is the path from the top, unique in the whole menu and stable for as long as the row
    means the same; ``actions.command_of`` reads it. A row with ``rows`` opens a submenu.
    """

    id: str
    label: str = ""
    enabled: bool = True
    separator: bool = False
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayView:
    """All that is shown; equality is the whole diff."""

    icon: IconState
    title: str
    tooltip: str
    menu: tuple[Row, ...]


def view_of(snapshot: Snapshot, zone: tzinfo | None = None) -> TrayView:
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
        menu=tuple(_menu(snapshot, title, statuses, troubled, zone)),
    )


def needs_attention(status: ServerStatus) -> bool:
    """Not as it should be; the first attempt to connect is no trouble yet."""
    if status.phase is Phase.CONNECTING:
        return status.attempt > 1
    return status.health.level is not Level.HEALTHY


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
    lines += [_problem_line(status, zone) for status in troubled[:TOOLTIP_PROBLEMS]]
    if len(troubled) > TOOLTIP_PROBLEMS:
        lines.append(text.more_in_servers(len(troubled) - TOOLTIP_PROBLEMS))
    return "\n".join(lines)


def _menu(
    snapshot: Snapshot,
    title: str,
    statuses: Sequence[ServerStatus],
    troubled: Sequence[ServerStatus],
    zone: tzinfo | None,
) -> Iterable[Row]:
    yield Row("header", title, enabled=False)
    if snapshot.config_problem is not None:
        open_it = Row(f"config/{Verb.OPEN_CONFIG}", text.OPEN_CONFIG)
        restore = Row(f"config/{Verb.RESTORE_CONFIG}", text.RESTORE_CONFIG)
        problem = text.config_problem(str(snapshot.config_problem))
        yield Row("config", problem, rows=(open_it, restore))
    if snapshot.storage_problem:
        yield Row("storage", text.storage_problem(snapshot.storage_problem), enabled=False)
    if troubled:
        yield Row("separator-attention", separator=True)
        yield Row("attention", text.NEEDS_ATTENTION, enabled=False)
        for status in troubled[:ATTENTION_LIMIT]:
            row = f"attention/{status.name}"
            yield Row(row, _problem_line(status, zone), rows=problem_verbs(row, status))
        if len(troubled) > ATTENTION_LIMIT:
            more = text.more_in_servers(len(troubled) - ATTENTION_LIMIT)
            yield Row("attention-more", more, enabled=False)
    if statuses:
        yield Row("separator-servers", separator=True)
        yield Row("servers", text.servers(len(statuses)), rows=_servers(statuses, zone))
    yield Row("separator-end", separator=True)
    yield Row(Verb.OPEN_CONFIG, text.OPEN_CONFIG)
    yield Row(Verb.COPY_ENDPOINT, text.COPY_ENDPOINT, enabled=snapshot.endpoint is not None)
    running = sum(status.phase in _RUNNING for status in statuses)
    stops = snapshot.engine is EnginePhase.STOPPING
    yield Row(Verb.QUIT, text.quit_label(running), enabled=not stops)


_RUNNING = frozenset({Phase.CONNECTING, Phase.READY, Phase.STOPPING})


def _servers(statuses: Sequence[ServerStatus], zone: tzinfo | None) -> tuple[Row, ...]:
    """All servers by name, in groups when they are many."""
    if len(statuses) <= GROUP_SIZE:
        return _server_rows("servers", statuses, zone)
    groups = [statuses[at : at + GROUP_SIZE] for at in range(0, len(statuses), GROUP_SIZE)]
    return tuple(
        Row(
            f"servers/:{number}",
            text.server_group(group[0].name, group[-1].name, len(group)),
            rows=_server_rows(f"servers/:{number}", group, zone),
        )
        for number, group in enumerate(groups)
    )


def _server_rows(
    parent: str, statuses: Sequence[ServerStatus], zone: tzinfo | None
) -> tuple[Row, ...]:
    return tuple(
        Row(
            f"{parent}/{status.name}",
            text.server_line(status.name, status.health.summary, extra=_when(status, zone)),
            rows=_verbs(f"{parent}/{status.name}", status),
        )
        for status in statuses
    )


def _problem_line(status: ServerStatus, zone: tzinfo | None) -> str:
    health = status.health
    return text.server_line(status.name, health.summary, health.detail, _when(status, zone))


def _when(status: ServerStatus, zone: tzinfo | None) -> str:
    return text.next_try(status.retry_at, zone) if status.retry_at is not None else ""


def _verbs(parent: str, status: ServerStatus) -> tuple[Row, ...]:
    """Restart, Enable or Disable, View log; greyed alike in every face of the program."""
    may = allowed(status)
    again = text.RETRY_NOW if status.phase is Phase.BACKOFF else text.RESTART
    is_disabled = status.health.admin_state is AdminState.DISABLED
    verb, label = (Verb.ENABLE, text.ENABLE) if is_disabled else (Verb.DISABLE, text.DISABLE)
    return (
        Row(f"{parent}/{Verb.RESTART}", again, enabled=RestartServer in may),
        Row(f"{parent}/{verb}", label, enabled=SetEnabled in may),
        Row(f"{parent}/{Verb.VIEW_LOG}", text.VIEW_LOG),
    )


def _approval(parent: str, status: ServerStatus) -> Iterator[Row]:
    """What waits, by name; looking at it comes before agreeing to it.

    The row that agrees carries the hash of what it is about, so it means that and nothing else.
    """
    review = status.review
    waiting = [*((name, True) for name in review.changed), *((n, False) for n in review.pending)]
    for name, changed in waiting[:TOOLS_SHOWN]:
        yield Row(f"{parent}/:tool={name}", text.waiting_tool(name, changed), enabled=False)
    if len(waiting) > TOOLS_SHOWN:
        more = text.more_tools(len(waiting) - TOOLS_SHOWN)
        yield Row(f"{parent}/:tools", more, enabled=False)
    if review.hash:
        yield Row(f"{parent}/{Verb.REVIEW}", text.REVIEW)
        label = text.APPROVE_SERVER if review.quarantined else text.approve_tools(len(waiting))
        yield Row(f"{parent}/{Verb.APPROVE}={review.hash}", label)


def problem_verbs(parent: str, status: ServerStatus) -> tuple[Row, ...]:
    """The same and what the fault asks for, the one thing to do next first."""
    again, switch, log = _verbs(parent, status)
    config = Row(f"{parent}/{Verb.OPEN_CONFIG}", text.OPEN_CONFIG)
    explain: tuple[Row, ...] = ()
    if status.fault is not None:
        explain = (Row(f"{parent}/{Verb.HELP}", text.what_means(status.fault.code)),)
    match status.health.action:
        case Action.VIEW_LOGS:
            return (log, again, switch, *explain)
        case Action.CONFIGURE | Action.LOGIN:  # a key belongs into the file
            return (config, again, log, switch, *explain)
        case Action.APPROVE:
            return (*_approval(parent, status), log, switch)
        case Action.SET_SECRET:
            how = Row(f"{parent}/{Verb.HELP}", text.HOW_TO_SET)
            return (how, config, again, log, switch)
        case _:
            return (again, log, switch, *explain)

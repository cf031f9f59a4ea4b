"""The rows of the menu that are about servers: what is wrong, and what can be done; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from core.model.faults import Action
from core.model.intents import RestartServer, SetEnabled, allowed
from core.model.status import AdminState, Level, Phase, ServerStatus
from tray_app import text
from tray_app.actions import Verb

GROUP_SIZE = 25
"""Servers in one submenu; more are grouped, so that no menu outgrows the screen."""

TOOLS_SHOWN = 6
"""Tools that wait for approval, by name; the others are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the menu.

    ``id`` is the path from the top, unique in the whole menu and stable for as long as the row
    means the same; ``actions.command_of`` reads it. A row with ``rows`` opens a submenu; one
    whose ``checked`` is not None has a tick, or room for one.
    """

    id: str
    label: str = ""
    enabled: bool = True
    separator: bool = False
    checked: bool | None = None
    rows: tuple[Row, ...] = ()


def needs_attention(status: ServerStatus) -> bool:
    """Not as it should be; the first attempt to connect is no trouble yet."""
    if status.phase is Phase.CONNECTING:
        return status.attempt > 1
    return status.health.level is not Level.HEALTHY


def servers(statuses: Sequence[ServerStatus], zone: tzinfo | None) -> tuple[Row, ...]:
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


def problem_line(status: ServerStatus, zone: tzinfo | None) -> str:
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
    for number, (name, changed) in enumerate(waiting[:TOOLS_SHOWN]):
        yield Row(f"{parent}/:tool={number}", text.waiting_tool(name, changed), enabled=False)
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

"""The rows of the menu that are about servers: what is wrong, and what can be done; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

from core.model.config import ServerConfig, ServerName
from core.model.faults import Action, FaultCode
from core.model.intents import RestartServer, SetEnabled, allowed
from core.model.status import AdminState, Level, Phase, ServerStatus
from tray_app import text
from tray_app.actions import Verb
from tray_app.row import Row, grouped
from tray_app.tool_rows import have_room, tools

TOOLS_SHOWN = 6
"""Tools that wait for approval, by name; the others are counted."""

LONGER_STARTS = (180, 600)
"""Seconds that a server which did not answer in time may be given instead."""


def needs_attention(status: ServerStatus) -> bool:
    """Not as it should be; the first attempt to connect is no trouble yet."""
    if status.phase is Phase.CONNECTING:
        return status.attempt > 1
    return status.health.level is not Level.HEALTHY


SHARED_CAUSES = {
    FaultCode.DEP_DOCKER_DOWN: text.NO_CONTAINER_ENGINE,
    FaultCode.DNS_FAILED: text.NO_NETWORK,
}
"""Faults that several servers have for one reason, which is then one problem (ux.md C.4)."""


def by_cause(
    troubled: Sequence[ServerStatus],
) -> tuple[Mapping[FaultCode, Sequence[ServerStatus]], Sequence[ServerStatus]]:
    """Servers that share a cause, two at least, and those with a problem of their own."""
    shared: dict[FaultCode, list[ServerStatus]] = {}
    for status in troubled:
        if status.fault is not None and status.fault.code in SHARED_CAUSES:
            shared.setdefault(status.fault.code, []).append(status)
    shared = {code: statuses for code, statuses in shared.items() if len(statuses) > 1}
    together = {status.name for statuses in shared.values() for status in statuses}
    return shared, [status for status in troubled if status.name not in together]


def servers(
    statuses: Sequence[ServerStatus],
    configs: Mapping[ServerName, ServerConfig],
    zone: tzinfo | None,
) -> tuple[Row, ...]:
    """All servers by name, in groups when they are many."""
    in_menu = have_room(statuses)

    def row(parent: str, status: ServerStatus) -> Row:
        id_ = f"{parent}/{status.name}"
        words = text.server_line(status.name, status.health.summary, extra=_when(status, zone))
        switches = tools(id_, status, configs.get(status.name), in_menu=in_menu)
        return Row(id_, words, rows=(*_verbs(id_, status), *switches))

    return grouped("servers", statuses, lambda status: status.name, row)


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


def problem_verbs(
    parent: str, status: ServerStatus, config: ServerConfig | None = None
) -> tuple[Row, ...]:
    """The same and what the fault asks for, the one thing to do next first (ux.md C.4)."""
    again, switch, log = _verbs(parent, status)
    edit = Row(f"{parent}/{Verb.OPEN_CONFIG}", text.OPEN_CONFIG)
    details = Row(f"{parent}/{Verb.OPEN_DETAILS}", text.OPEN_DETAILS)
    explain: tuple[Row, ...] = (details,)
    code = status.fault.code if status.fault is not None else None
    if code is not None:
        explain += (Row(f"{parent}/{Verb.HELP}", text.what_means(code)),)
    match status.health.action:
        case Action.CONFIGURE if code in _NOT_EXECUTABLE:
            show = Row(f"{parent}/{Verb.SHOW_PROGRAM}", text.SHOW_PROGRAM)
            return (show, edit, again, log, switch, *explain)
        case Action.VIEW_LOGS if code is FaultCode.HANDSHAKE_TIMEOUT:
            return (log, again, *_more_time(parent, config), switch, *explain)
        case Action.VIEW_LOGS:
            return (log, again, switch, *explain)
        case Action.LOGIN:
            sign_in = Row(f"{parent}/{Verb.SIGN_IN}", text.SIGN_IN)
            copy = Row(f"{parent}/{Verb.COPY_SIGN_IN}", text.COPY_SIGN_IN)
            return (sign_in, copy, again, log, switch, *explain)
        case Action.CONFIGURE:
            return (edit, again, log, switch, *explain)
        case Action.APPROVE:
            return (*_approval(parent, status), log, switch, details)
        case Action.SET_SECRET:
            how = Row(f"{parent}/{Verb.HELP}", text.HOW_TO_SET)
            return (how, edit, again, log, switch, details)
        case _ if code is FaultCode.INTERNAL:
            report = Row(f"{parent}/{Verb.COPY_REPORT}", text.COPY_REPORT)
            return (again, report, log, switch, *explain)
        case _:
            return (again, log, switch, *explain)


_NOT_EXECUTABLE = frozenset({FaultCode.SPAWN_EACCES, FaultCode.SPAWN_ENOEXEC})


def _more_time(parent: str, config: ServerConfig | None) -> tuple[Row, ...]:
    """To let a slow server start, by its ``init_timeout``; none when it is very long already."""
    if config is None:
        return ()
    for seconds in LONGER_STARTS:
        if config.init_timeout < seconds:
            words = text.more_time(seconds // 60)
            return (Row(f"{parent}/{Verb.MORE_TIME}={seconds}", words),)
    return ()

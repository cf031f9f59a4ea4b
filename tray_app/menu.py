"""The whole menu, from top to bottom (ux.md C.3); pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from core.model.status import EnginePhase, Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.actions import Verb
from tray_app.local import Local, RecentCall
from tray_app.rows import Row, problem_line, problem_verbs, servers

ATTENTION_LIMIT = 8
"""Problem rows at the top of the menu; the others are counted and found under Servers."""


SNOOZES = (30, 60, 480)
"""Minutes."""


def menu(
    snapshot: Snapshot,
    local: Local,
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
            yield Row(row, problem_line(status, zone), rows=problem_verbs(row, status))
        if len(troubled) > ATTENTION_LIMIT:
            more = text.more_in_servers(len(troubled) - ATTENTION_LIMIT)
            yield Row("attention-more", more, enabled=False)
    if statuses:
        yield Row("separator-servers", separator=True)
        yield Row("servers", text.servers(len(statuses)), rows=servers(statuses, zone))
    calls = tuple(_call(number, call, zone) for number, call in enumerate(local.calls))
    none = Row("calls/:none", text.NO_CALLS, enabled=False)
    yield Row("calls", text.RECENT_CALLS, rows=calls or (none,))
    yield from _apps(local)
    yield Row("separator-tools", separator=True)
    yield Row(Verb.OPEN_CONFIG, text.OPEN_CONFIG)
    yield Row(Verb.COPY_ENDPOINT, text.COPY_ENDPOINT, enabled=snapshot.endpoint is not None)
    if snapshot.config.paused:
        yield Row(Verb.RESUME, text.RESUME_ALL)
    elif statuses:
        yield Row(Verb.PAUSE, text.PAUSE_ALL)
    yield _snooze(local, zone)
    yield Row(
        "diagnostics",
        text.DIAGNOSTICS,
        rows=(
            Row(f"diagnostics/{Verb.SAVE_REPORT}", text.SAVE_REPORT),
            Row(f"diagnostics/{Verb.OPEN_LOGS}", text.OPEN_LOGS),
        ),
    )
    if local.starts_at_login is not None:
        verb = Verb.NOT_AT_LOGIN if local.starts_at_login else Verb.START_AT_LOGIN
        yield Row(verb, text.START_AT_LOGIN, checked=local.starts_at_login)
    yield Row("separator-end", separator=True)
    running = sum(status.phase in _RUNNING for status in statuses)
    stops = snapshot.engine is EnginePhase.STOPPING
    yield Row(Verb.QUIT, text.quit_label(running), enabled=not stops)


def _apps(local: Local) -> Iterable[Row]:
    """The AI clients here, connected or not, and what could be taken over from them."""
    if local.apps is None:
        return
    connected = [app.title for app in local.apps if app.connected]
    rows = [
        Row(f"apps/{app.id}/{Verb.DISCONNECT}", text.disconnect_app(app.title))
        if app.connected
        else Row(f"apps/{app.id}/{Verb.CONNECT}", text.connect_app(app.title))
        for app in local.apps
    ]
    if local.importable:
        rows.append(Row(f"apps/{Verb.IMPORT}", text.import_servers(local.importable)))
    if rows:
        yield Row("apps", text.connected_apps(connected), rows=tuple(rows))


def _call(number: int, call: RecentCall, zone: tzinfo | None) -> Row:
    words = text.call(call.worked, f"{call.server}:{call.tool}", call.at, zone)
    return Row(f"calls/:{number}", words, enabled=False)


def _snooze(local: Local, zone: tzinfo | None) -> Row:
    if local.snoozed_until is not None:
        end = Row(f"snooze/{Verb.SNOOZE}=0", text.END_SNOOZE)
        return Row("snooze", text.snoozed_until(local.snoozed_until, zone), rows=(end,))
    rows = [Row(f"snooze/{Verb.SNOOZE}={each}", text.minutes(each)) for each in SNOOZES]
    return Row("snooze", text.SNOOZE, rows=tuple(rows))


_RUNNING = frozenset({Phase.CONNECTING, Phase.READY, Phase.STOPPING})

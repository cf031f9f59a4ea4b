"""The whole menu, from top to bottom (ux.md C.3); pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from core import __version__
from core.model.intents import RestartServer, allowed
from core.model.status import ConfigProblem, EnginePhase, Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.actions import Verb
from tray_app.app_rows import apps
from tray_app.local import Local, RecentCall
from tray_app.row import Row, grouped
from tray_app.rows import SHARED_CAUSES, by_cause, problem_line, problem_verbs, servers

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
) -> Iterator[Row]:
    yield Row("header", title, enabled=False)
    if local.update is not None:
        yield _update(local.update)
    if snapshot.config_problem is not None:
        yield _config_problem(snapshot.config_problem)
    if snapshot.storage_problem:
        show = Row(f"storage/{Verb.OPEN_DATA}", text.OPEN_DATA)
        yield Row("storage", text.storage_problem(snapshot.storage_problem), rows=(show,))
    if troubled:
        yield from _attention(snapshot, troubled, zone)
    if statuses:
        yield Row("separator-servers", separator=True)
        listed = servers(statuses, snapshot.config.servers, zone)
        yield Row("servers", text.servers(len(statuses)), rows=listed)
    calls = tuple(_call(number, call, zone) for number, call in enumerate(local.calls))
    none = Row("calls/:none", text.NO_CALLS, enabled=False)
    yield Row("calls", text.RECENT_CALLS, rows=calls or (none,))
    yield from apps(local)
    yield Row("separator-tools", separator=True)
    reachable = snapshot.endpoint is not None
    yield Row(Verb.ADD_SERVER, text.ADD_SERVER, enabled=reachable)
    yield Row(Verb.OPEN_DASHBOARD, text.OPEN_DASHBOARD, enabled=reachable)
    yield Row(Verb.OPEN_CONFIG, text.OPEN_CONFIG)
    yield Row(Verb.COPY_ENDPOINT, text.COPY_ENDPOINT, enabled=reachable)
    if snapshot.config.paused:
        yield Row(Verb.RESUME, text.RESUME_ALL)
    elif statuses:
        yield Row(Verb.PAUSE, text.PAUSE_ALL)
    yield _snooze(local, zone)
    yield Row("diagnostics", text.DIAGNOSTICS, rows=tuple(_diagnostics(snapshot, statuses)))
    if local.starts_at_login is not None:
        verb = Verb.NOT_AT_LOGIN if local.starts_at_login else Verb.START_AT_LOGIN
        yield Row(verb, text.START_AT_LOGIN, checked=local.starts_at_login)
    yield Row("separator-end", separator=True)
    if snapshot.engine is EnginePhase.STOPPING:
        yield Row(Verb.QUIT, text.QUIT_NOW)  # once more does not wait for anything
    else:
        running = sum(status.phase in _RUNNING for status in statuses)
        yield Row(Verb.QUIT, text.quit_label(running))


def _update(version: str) -> Row:
    copy = Row(f"update/{Verb.COPY_UPDATE}", text.COPY_UPDATE)
    put_off = Row(f"update/{Verb.PUT_OFF_UPDATE}={version}", text.put_off_update(version))
    return Row("update", text.update_available(version), rows=(copy, put_off))


def _config_problem(problem: ConfigProblem) -> Row:
    line = problem.problems[0].line
    if line is None:
        open_it = Row(f"config/{Verb.OPEN_CONFIG}", text.OPEN_CONFIG)
    else:
        open_it = Row(f"config/{Verb.OPEN_CONFIG}={line}", text.open_config_at(line))
    restore = Row(f"config/{Verb.RESTORE_CONFIG}", text.RESTORE_CONFIG)
    return Row("config", text.config_problem(str(problem)), rows=(open_it, restore))


def _attention(
    snapshot: Snapshot, troubled: Sequence[ServerStatus], zone: tzinfo | None
) -> Iterator[Row]:
    yield Row("separator-attention", separator=True)
    yield Row("attention", text.NEEDS_ATTENTION, enabled=False)

    def row(parent: str, status: ServerStatus) -> Row:
        id_ = f"{parent}/{status.name}"
        verbs = problem_verbs(id_, status, snapshot.config.servers.get(status.name))
        return Row(id_, problem_line(status, zone), rows=verbs)

    shared, own = by_cause(troubled)
    for code, statuses in shared.items():
        parent = f"attention/:{code}"
        again = Row(f"{parent}/{Verb.RETRY_ALL}={code}", text.RETRY_ALL)
        rows = grouped(parent, statuses, lambda status: status.name, row)
        label = text.shared_cause(len(statuses), SHARED_CAUSES[code])
        yield Row(parent, label, rows=(again, *rows))
    for status in own[:ATTENTION_LIMIT]:
        yield row("attention", status)
    if len(own) > ATTENTION_LIMIT:
        more = text.more_in_servers(len(own) - ATTENTION_LIMIT)
        yield Row("attention-more", more, enabled=False)


def _call(number: int, call: RecentCall, zone: tzinfo | None) -> Row:
    words = text.call(call.worked, f"{call.server}:{call.tool}", call.at, zone)
    return Row(f"calls/:{number}", words, enabled=False)


def _snooze(local: Local, zone: tzinfo | None) -> Row:
    if local.snoozed_until is not None:
        end = Row(f"snooze/{Verb.SNOOZE}=0", text.END_SNOOZE)
        return Row("snooze", text.snoozed_until(local.snoozed_until, zone), rows=(end,))
    rows = [Row(f"snooze/{Verb.SNOOZE}={each}", text.minutes(each)) for each in SNOOZES]
    return Row("snooze", text.SNOOZE, rows=tuple(rows))


def _diagnostics(snapshot: Snapshot, statuses: Sequence[ServerStatus]) -> Iterator[Row]:
    yield Row(f"diagnostics/{Verb.SHOW_PROBLEMS}", text.SHOW_PROBLEMS)
    yield Row(f"diagnostics/{Verb.COPY_REPORT}", text.COPY_REPORT)
    yield Row(f"diagnostics/{Verb.SAVE_REPORT}", text.SAVE_REPORT)
    yield Row(f"diagnostics/{Verb.OPEN_LOGS}", text.OPEN_LOGS)
    can = any(RestartServer in allowed(status) for status in statuses)
    yield Row(f"diagnostics/{Verb.RESTART_ALL}", text.RESTART_ALL, enabled=can)
    if snapshot.config.update_url:
        yield Row(f"diagnostics/{Verb.CHECK_UPDATES}", text.CHECK_UPDATES)
    yield Row("diagnostics/:version", text.version(__version__), enabled=False)


_RUNNING = frozenset({Phase.CONNECTING, Phase.READY, Phase.STOPPING})

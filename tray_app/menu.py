"""The whole menu, from top to bottom (ux.md C.3); pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from core.model.status import EnginePhase, Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.actions import Verb
from tray_app.rows import Row, problem_line, problem_verbs, servers

ATTENTION_LIMIT = 8
"""Problem rows at the top of the menu; the others are counted and found under Servers."""


def menu(
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
            yield Row(row, problem_line(status, zone), rows=problem_verbs(row, status))
        if len(troubled) > ATTENTION_LIMIT:
            more = text.more_in_servers(len(troubled) - ATTENTION_LIMIT)
            yield Row("attention-more", more, enabled=False)
    if statuses:
        yield Row("separator-servers", separator=True)
        yield Row("servers", text.servers(len(statuses)), rows=servers(statuses, zone))
    yield Row("separator-end", separator=True)
    yield Row(Verb.OPEN_CONFIG, text.OPEN_CONFIG)
    yield Row(Verb.COPY_ENDPOINT, text.COPY_ENDPOINT, enabled=snapshot.endpoint is not None)
    running = sum(status.phase in _RUNNING for status in statuses)
    stops = snapshot.engine is EnginePhase.STOPPING
    yield Row(Verb.QUIT, text.quit_label(running), enabled=not stops)


_RUNNING = frozenset({Phase.CONNECTING, Phase.READY, Phase.STOPPING})

"""What the tray shows of an engine elsewhere: the same, without what is only there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from core.model.status import Snapshot
from tray_app import text
from tray_app.actions import Verb
from tray_app.local import Local
from tray_app.row import Row
from tray_app.view import IconState, TrayView, view_of

_NOT_FROM_AFAR = {
    Verb.OPEN_CONFIG,
    Verb.RESTORE_CONFIG,
    Verb.OPEN_DATA,
    Verb.SHOW_PROGRAM,
    Verb.MORE_TIME,
    Verb.COPY_REPORT,
    Verb.VIEW_LOG,
    Verb.REVIEW,
    Verb.PAUSE,
    "calls",
    "diagnostics",
}
"""What is about files of the engine's computer."""


def view_from_afar(loss: Callable[[], str]) -> Callable[[Snapshot, Local], TrayView]:
    """The view of an engine; of one that is lost only ``loss`` is shown, the reason."""

    def view(snapshot: Snapshot, local: Local) -> TrayView:
        near = view_of(snapshot, local)
        if snapshot.endpoint is None:
            title = text.headline(loss())
            header = Row("header", title, enabled=False)
            leave = Row(Verb.QUIT, text.LEAVE)
            return TrayView(icon=IconState.OFFLINE, title=title, tooltip="", menu=(header, leave))
        return replace(near, menu=tuple(_from_afar(near.menu)))

    return view


def _from_afar(rows: Iterable[Row]) -> Iterable[Row]:
    for row in rows:
        verb = row.id.rpartition("/")[2].partition("=")[0]
        if verb == Verb.QUIT:
            yield Row(row.id, text.LEAVE)
        elif verb in _NOT_FROM_AFAR:
            continue
        elif row.rows:
            rows = tuple(_from_afar(row.rows))
            yield replace(row, rows=rows, enabled=row.enabled and bool(rows))
        else:
            yield row

"""The rows about AI clients: connecting them, and taking over the servers they have; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tray_app import text
from tray_app.actions import Verb
from tray_app.local import App, Importable, Local
from tray_app.row import Row


def apps(local: Local) -> Iterator[Row]:
    """The clients here, and what could be taken over; nothing before anybody has looked."""
    if local.apps:
        connected = [app.title for app in local.apps if app.connected]
        yield Row("apps", text.connected_apps(connected), rows=tuple(map(_app, local.apps)))
    if local.importable:
        count = sum(each.count for each in local.importable)
        yield Row("import", text.take_over(count), rows=tuple(_imports(local.importable, count)))


def _app(app: App) -> Row:
    row = f"apps/{app.id}"
    if app.unreadable:
        return Row(row, text.unreadable_app(app.title, app.unreadable), enabled=False)
    show = Row(f"{row}/{Verb.SHOW_CHANGE}", text.SHOW_CHANGE)
    verbs: tuple[Row, ...]
    if app.connected:
        words = text.app_connected(app.title)
        verbs = (Row(f"{row}/{Verb.DISCONNECT}", text.DISCONNECT),)
        if app.undoable:
            verbs += (Row(f"{row}/{Verb.UNDO}", text.UNDO),)
    else:
        words = text.app_lost(app.title) if app.lost else app.title
        verbs = (Row(f"{row}/{Verb.CONNECT}", text.CONNECT),)
    return Row(row, words, rows=(show, *verbs))


def _imports(sources: Sequence[Importable], count: int) -> Iterator[Row]:
    yield Row(f"import/{Verb.SHOW_IMPORT}", text.SHOW_IMPORT)
    for each in sources:
        words = text.take_over_from(each.count, each.title)
        yield Row(f"import/{Verb.IMPORT}={each.client}", words)
    if len(sources) > 1:
        yield Row(f"import/{Verb.IMPORT}", text.take_over_all(count))

"""A server's tools in the menu, each with a tick that switches it on or off; pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from core.model.config import ServerConfig
from core.model.status import ServerStatus
from tray_app import text
from tray_app.actions import Verb
from tray_app.row import Row, grouped

MOST_ROWS = 600
"""Ticks in the whole menu. Panels fetch all of it whenever it opens; beyond this each server's
tools are switched in the dashboard."""


def have_room(statuses: Sequence[ServerStatus]) -> bool:
    """Whether every tool of all these servers can have a row."""
    return sum(len(status.tools) for status in statuses) <= MOST_ROWS


def tools(
    parent: str, status: ServerStatus, config: ServerConfig | None, *, in_menu: bool
) -> tuple[Row, ...]:
    """``Tools n/m`` with a row for each; greyed as long as the server lists none.

    ``config`` is None where the entry is out of reach, on another computer: then there is none.
    """
    names = sorted(dict.fromkeys(tool.name for tool in status.tools), key=str.lower)
    if config is None:
        return ()
    if not names:
        return (Row(f"{parent}/:tools", text.TOOLS, enabled=False),)
    waiting = set(status.review.pending) | set(status.review.changed)
    offered = sum(config.permits(name) and not status.withholds(name) for name in names)
    label = text.tools(offered, len(names))
    if not in_menu:
        how = Row(f"{parent}/:tools/{Verb.OPEN_DETAILS}", text.OPEN_DETAILS)
        why = Row(f"{parent}/:tools/:many", text.TOO_MANY_TOOLS, enabled=False)
        return (Row(f"{parent}/:tools", label, rows=(why, how)),)

    def row(parent: str, name: str) -> Row:
        on = config.permits(name)
        verb = Verb.TOOL_OFF if on else Verb.TOOL_ON
        words = text.tool(name, name in waiting)
        return Row(f"{parent}/{verb}={quote(name, safe='')}", words, checked=on)

    return (Row(f"{parent}/:tools", label, rows=grouped(f"{parent}/:tools", names, str, row)),)

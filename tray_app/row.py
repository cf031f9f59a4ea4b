"""One line of the menu, and long lists of them in groups; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tray_app import text

T = TypeVar("T")

GROUP_SIZE = 25
"""Rows in one submenu; more are grouped, so that no menu outgrows the screen."""


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


def grouped(
    parent: str, things: Sequence[T], name: Callable[[T], str], row: Callable[[str, T], Row]
) -> tuple[Row, ...]:
    """A row for each thing, in submenus named by their first and last when they are many.

    ``row`` gets the id of the submenu it makes a row for.
    """
    if len(things) <= GROUP_SIZE:
        return tuple(row(parent, each) for each in things)
    groups = [things[at : at + GROUP_SIZE] for at in range(0, len(things), GROUP_SIZE)]
    return tuple(
        Row(
            f"{parent}/:{number}",
            text.group(name(group[0]), name(group[-1]), len(group)),
            rows=tuple(row(f"{parent}/:{number}", each) for each in group),
        )
        for number, group in enumerate(groups)
    )

"""What the tray knows beside the engine's snapshot: about this computer and this person; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An AI client that is installed here.

    ``lost``: we were connected, and somebody took our entry out. ``undoable``: its file is
    still the one that we wrote. ``unreadable`` says why its file is of no use.
    """

    id: str
    title: str
    connected: bool = False
    lost: bool = False
    undoable: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Importable:
    """How many servers of an AI client are not ours yet."""

    client: str
    title: str
    count: int


@dataclass(frozen=True, slots=True)
class RecentCall:
    """A tool call that has ended."""

    at: datetime
    server: str
    tool: str
    worked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """``starts_at_login`` and ``apps`` are None as long as nobody has looked."""

    snoozed_until: datetime | None = None
    starts_at_login: bool | None = None
    apps: tuple[App, ...] | None = None
    calls: tuple[RecentCall, ...] = ()  # newest first
    update: str | None = None  # a newer version, found and not put off
    importable: tuple[Importable, ...] = ()  # clients that have any


NOTHING_KNOWN = Local()

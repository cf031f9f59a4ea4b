"""What the tray knows beside the engine's snapshot: about this computer and this person; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """An AI client that is installed here."""

    id: str
    title: str
    connected: bool


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
    importable: int = 0  # servers of theirs that are not ours yet


NOTHING_KNOWN = Local()

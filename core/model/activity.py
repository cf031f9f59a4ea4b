"""What agents did, as it is kept and asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One finished tool call; ``took`` is in seconds, ``size`` the bytes of its result."""

    at: datetime
    server: str
    tool: str
    outcome: str
    took: float
    size: int = 0


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A call as it was kept; later ones have greater ids."""

    id: int
    record: CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls to read, newest first; ``before`` is the id of the last one read."""

    server: str | None = None
    tool: str | None = None
    outcome: str | None = None
    since: float | None = None  # seconds since 1970
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Usage:
    """How often a tool was called, ever."""

    server: str
    tool: str
    calls: int
    errors: int
    last: datetime

"""What happened, for people: bounded, may be lost, words are chosen by whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.config import ServerName


class NoticeCode(StrEnum):
    """Stable names of things that happened."""

    CONFIG_APPLIED = "config_applied"
    CONFIG_REJECTED = "config_rejected"
    APPROVALS_LOST = "approvals_lost"  # the database was damaged and put aside
    NETWORK_UP = "network_up"  # there is a way to other computers again
    SHOW = "show"  # a second start of the program asks the first to show itself


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One happening. ``seq`` is the snapshot's at that moment; ``at`` is UTC."""

    seq: int
    at: datetime
    code: NoticeCode
    severity: Severity = Severity.INFO
    server: ServerName | None = None
    args: tuple[tuple[str, str], ...] = ()

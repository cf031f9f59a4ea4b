"""What an examination of the program and its surroundings found, for people and scripts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.model.config import ServerName
from core.model.faults import FaultCode


class Gravity(StrEnum):
    """How much a finding matters; WARNING and ERROR are something wrong."""

    OK = "ok"  # examined, and as it should be
    NOTE = "note"  # worth knowing
    WARNING = "warning"  # works, but not for long or not in full
    ERROR = "error"  # does not work


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing examined. ``what``, ``why`` and ``fix`` are for people, without secrets.

    ``check`` is a stable name for scripts. ``code`` is set where a server has a fault.
    """

    check: str
    level: Gravity
    what: str
    why: str = ""
    fix: str = ""
    server: ServerName | None = None
    code: FaultCode | None = None

    @property
    def is_wrong(self) -> bool:
        return self.level in (Gravity.WARNING, Gravity.ERROR)

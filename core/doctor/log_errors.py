"""The newest errors among the lines of the program's own log, in either of its formats."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

MOST = 3

_TEXT = re.compile(r"\S+Z (?:ERROR|CRITICAL) ")
_LEVELS = frozenset({"error", "critical"})


class _Entry(msgspec.Struct):
    time: str = ""
    level: str = ""
    logger: str = ""
    message: str = ""


def newest_errors(lines: Sequence[str]) -> list[str]:
    """The last few, oldest first, each on one line."""
    found: list[str] = []
    for line in reversed(lines):
        error = _error(line)
        if error is not None:
            found.append(error)
            if len(found) == MOST:
                break
    return found[::-1]


def _error(line: str) -> str | None:
    if _TEXT.match(line):
        return line
    if not line.startswith("{"):
        return None
    try:
        entry = msgspec.json.decode(line, type=_Entry)
    except msgspec.DecodeError:
        return None
    if entry.level not in _LEVELS:
        return None
    return f"{entry.time} {entry.level.upper()} {entry.logger} {entry.message}"

"""How severe a log message is (MCP 2025-11-25, server/utilities/logging; RFC 5424 §6.2.1)."""

from __future__ import annotations

import msgspec

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class _Message(msgspec.Struct):
    level: str = ""


_message = msgspec.json.Decoder(_Message)


def rank(level: str) -> int:
    """Its place among the levels, the least severe first; an unknown one is before all."""
    return LEVELS.index(level) if level in LEVELS else -1


def reaches(params: bytes, wanted: str) -> bool:
    """Whether a ``notifications/message`` is severe enough for whoever wants such messages."""
    try:
        return rank(_message.decode(params).level) >= rank(wanted)
    except msgspec.DecodeError:
        return True  # what we cannot judge is not ours to drop

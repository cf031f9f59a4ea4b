"""One log record as a line of text or JSON that no content can forge or use to steer a terminal."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/@+,%~")


# Unicode's categories Cc, Cf, Zl and Zp but for the tab: terminal controls, bidirectional
# controls, zero-width and tag characters. A test compares this list with unicodedata, which
# would take 0.2 s to go through at every start.
_MISLEADING = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0xAD,
    *range(0x600, 0x606),
    *(0x61C, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x180E),
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *(0x110BD, 0x110CD),
    *range(0x13430, 0x13440),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE0080),
)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ESCAPES = {code: _escape(code) for code in _MISLEADING if code != ord("\t")}


def visible(text: str) -> str:
    """The text with everything that a terminal or a reader could be misled by written out."""
    # Most lines are plain: this test is thirty times faster than the translation.
    if text.isascii() and text.isprintable():
        return text
    # A lone surrogate cannot be encoded, and would lose the line.
    return text.translate(_ESCAPES).encode(errors="backslashreplace").decode()


def stamp(at: float) -> str:
    """UTC with milliseconds, as RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def text_line(record: logging.LogRecord) -> str:
    """``time LEVEL logger message key=value…``; a traceback follows, indented."""
    facts = "".join(f" {key}={_value(value)}" for key, value in _fields(record).items())
    head = f"{stamp(record.created)} {record.levelname} {record.name}"
    lines = [f"{head} {visible(record.message)}{facts}"]
    lines += (f"    {visible(line)}" for line in _traceback(record))
    return "\n".join(lines) + "\n"


def json_line(record: logging.LogRecord) -> str:
    """One JSON object; the fields are members beside ``time level logger message``."""
    import json

    entry: dict[str, object] = dict(_fields(record))
    entry |= {
        "time": stamp(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.message,
    }
    trace = _traceback(record)
    if trace:
        entry["traceback"] = trace
    # ASCII only: every character that could mislead is then written as \uXXXX.
    return json.dumps(entry, default=str, ensure_ascii=True) + "\n"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = getattr(record, "fields", None)
    return found if isinstance(found, dict) else {}


def _value(value: object) -> str:
    text = str(value)
    if text and _PLAIN.issuperset(text):
        return text
    quoted = visible(text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{quoted}"'


def _traceback(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[1] is None:
        return []
    return "".join(traceback.format_exception(record.exc_info[1])).splitlines()

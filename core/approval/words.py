"""The texts in a tool that a model reads, and how they are shown to a person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

DEEPEST = 60  # levels of a schema; what lies deeper is read as one text

INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, escape sequences among them
    "\u00ad\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff"  # of no width
    "\u202a-\u202e\u2066-\u2069"  # which turn the reading direction round
    "\ufff9-\ufffb\u3164\uffa0"  # which look like nothing
    "\U000e0000-\U000e01ef"  # tags and selectors that carry hidden text
    "\ud800-\udfff"  # halves of characters
    "]"
)
_CONTROL_OR_INVISIBLE = re.compile(INVISIBLE.pattern[:-1] + "\u200c\u200d]")


def texts(raw: bytes) -> list[tuple[str, str]]:
    """Every name and text in a tool's entry with where it stands, as in ``inputSchema.q``.

    Icons are left out: nobody reads them as words.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return [("entry", raw.decode(errors="replace"))]
    if isinstance(value, dict):
        value.pop("icons", None)
    return list(_walk(value, "", 0))


def _walk(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif depth == DEEPEST:
        yield path, repr(value)[:10_000]
    elif isinstance(value, dict):
        for name, member in value.items():
            below = f"{path}.{name}" if path else name
            if path:  # the names of the entry's own members are MCP's
                yield below, name
            yield from _walk(member, below, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, path, depth + 1)


def visible(text: str) -> str:
    """The text with what cannot be seen written out, as in ``<U+200B>``."""
    return _CONTROL_OR_INVISIBLE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)

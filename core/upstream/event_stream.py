"""Server-sent events from bytes, as the HTML standard says (§9.2.6), with a bound on each.

Data stays bytes: what a server sends as one event is one message of MCP, read elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

EVENT_LIMIT = 16 * 1024 * 1024  # bytes
LONGEST_RETRY = 60.0  # seconds, whatever a server asks for

_END_OF_LINE = re.compile(rb"\r\n|\r")
_BOM = b"\xef\xbb\xbf"


class EventTooLong(Exception):
    """One event is over the limit."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``data`` may be empty, which other readers leave out."""

    name: str
    data: bytes


class EventStream:
    """Feed it what arrives; it gives whole events.

    ``last_id`` is the newest id that was told; ``retry`` is how long to wait, in seconds, before
    asking for the stream again.
    """

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self.last_id = b""
        self.retry: float | None = None
        self._limit = limit
        self._rest = bytearray()  # of an event that is not whole yet, lines ended by \n
        self._after_cr = False
        self._began = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises EventTooLong; the stream is of no use then."""
        if not self._began:
            self._began = True
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = _END_OF_LINE.sub(b"\n", chunk)
        rest = self._rest
        # An event's end may lie on both sides of the seam.
        at = max(len(rest) - 1, 0)
        rest += chunk
        if rest.find(b"\n\n", at) < 0:
            if len(rest) > self._limit:
                raise EventTooLong
            return []
        *blocks, last = bytes(rest).split(b"\n\n")
        self._rest = bytearray(last)
        if any(len(block) > self._limit for block in blocks) or len(last) > self._limit:
            raise EventTooLong
        return [event for block in blocks if (event := self._read(block)) is not None]

    def _read(self, block: bytes) -> Event | None:
        name = ""
        data: list[bytes] = []
        told = False
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
                told = True
            elif field == b"event":
                name = value.decode(errors="replace")
            elif field == b"id":
                if b"\0" not in value:
                    self.last_id = value
                    told = True
            elif field == b"retry" and value.isdigit():
                self.retry = min(int(value[:9]) / 1000, LONGEST_RETRY)
        if not told:
            return None
        return Event(name or "message", b"\n".join(data))

"""Bytes from a pipe to lines, and what is no line to a named violation.

The stdio transport delimits messages by newlines (MCP 2025-11-25, basic/transports#stdio).
Chunks are kept in a list until their line is whole, so a long line costs one copy. A line over
the cap is dropped up to its newline, and the stream goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

LINE_LIMIT = 16 * 1024 * 1024  # bytes
EDGE = 1024  # bytes kept of each end of a line over the cap


@dataclass(frozen=True, slots=True)
class Oversize:
    """A line that was longer than the cap; its two ends may still tell which request it was."""

    length: int
    head: bytes
    tail: bytes


class LineFramer:
    """Feed it chunks as they come; it gives whole lines without their newline."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0  # bytes in _parts, or of the oversize line so far
        self._head = b""
        self._tail = b""
        self._dropping = False

    def feed(self, chunk: bytes) -> list[bytes | Oversize]:
        """Everything that became whole; blank lines are left out."""
        first, newline, rest = chunk.partition(b"\n")
        if not newline:
            self._hold(chunk)
            return []
        frames: list[bytes | Oversize] = []
        frame = self._finish(first)
        if frame:
            frames.append(frame)
        if rest:
            *lines, last = rest.split(b"\n")
            frames.extend(line for line in lines if line and line != b"\r")
            if last:
                self._hold(last)
        return frames

    def end(self) -> bytes | Oversize | None:
        """What was left without a newline when the stream ended."""
        return self._finish(b"") or None

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._dropping:
            self._tail = (self._tail + part)[-EDGE:]
        elif self._held > self._limit:
            whole = b"".join((*self._parts, part))
            self._parts.clear()
            self._head, self._tail, self._dropping = whole[:EDGE], whole[-EDGE:], True
        else:
            self._parts.append(part)

    def _finish(self, part: bytes) -> bytes | Oversize:
        if not self._parts and not self._dropping:
            return b"" if part == b"\r" else part
        self._hold(part)
        held, self._held = self._held, 0
        if self._dropping:
            self._dropping = False
            return Oversize(held, self._head, self._tail)
        line = b"".join(self._parts)
        self._parts.clear()
        return b"" if line == b"\r" else line

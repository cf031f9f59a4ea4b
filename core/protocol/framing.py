"""Bytes from a pipe to lines, and what is no line to a named violation.

The stdio transport delimits messages by newlines (MCP 2025-11-25, basic/transports#stdio).
A line over the cap is dropped up to its newline, and the stream goes on.
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
        self._line = bytearray()  # the unfinished line; while dropping, its last bytes
        self._head = b""
        self._dropped = 0  # bytes of the unfinished line, once it is over the cap

    @property
    def dropping(self) -> bool:
        """Whether the line that comes in is over the cap."""
        return self._dropped > 0

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
            frames.extend(self._capped(line) for line in lines if line and line != b"\r")
            if last:
                self._hold(last)
        return frames

    def end(self) -> bytes | Oversize | None:
        """What was left without a newline when the stream ended."""
        return self._finish(b"") or None

    def _capped(self, line: bytes) -> bytes | Oversize:
        if len(line) > self._limit:
            return Oversize(len(line), line[:EDGE], line[-EDGE:])
        return line

    def _hold(self, part: bytes) -> None:
        if self._dropped:
            self._dropped += len(part)
            self._line += part[-EDGE:]
            del self._line[:-EDGE]
            return
        self._line += part
        if len(self._line) > self._limit:
            self._dropped = len(self._line)
            self._head = bytes(self._line[:EDGE])
            self._line = self._line[-EDGE:]

    def _finish(self, part: bytes) -> bytes | Oversize:
        if not self._line:
            return b"" if part == b"\r" else self._capped(part)
        self._hold(part)
        line = bytes(self._line)
        self._line = bytearray()
        if self._dropped:
            length, self._dropped = self._dropped, 0
            return Oversize(length, self._head, line)
        return b"" if line == b"\r" else line

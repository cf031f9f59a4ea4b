"""HTTP answers as far as a load has to read them: where each ends, and what its ends say."""

from __future__ import annotations

import re
from dataclasses import dataclass

KEPT = 512  # bytes of each end of a body; enough to hold an id, wherever a server puts it

_END = b"\r\n"  # of a chunk
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_ID = re.compile(rb'"id": ?(\d+)[,}]')
_ERROR = re.compile(rb'"(?:error": ?\{|isError": ?true)')


@dataclass(slots=True)
class Answer:
    """One answer; ``length`` is that of its body."""

    head: bytes
    length: int = 0
    begin: bytes = b""
    end: bytes = b""

    def take(self, data: bytes) -> None:
        self.length += len(data)
        if len(self.begin) < KEPT:
            self.begin += data[: KEPT - len(self.begin)]
        self.end = data[-KEPT:] if len(data) >= KEPT else (self.end + data)[-KEPT:]

    @property
    def accepted(self) -> bool:
        """Whether the status is one of success."""
        return self.head[9:10] == b"2"

    def is_result(self, number: int) -> bool:
        """Whether it is the result of that request, not an error, whichever way it is written."""
        ends = self.begin + b"\n" + self.end
        ids = {int(found) for found in _ID.findall(ends)}
        return (
            self.accepted and number in ids and b'"result"' in ends and _ERROR.search(ends) is None
        )


class Answers:
    """Reads the answers of one connection, on which one request at a time is under way."""

    def __init__(self) -> None:
        self._kept = b""  # a head or a chunk's size, not complete yet
        self._answer: Answer | None = None
        self._chunked = False
        self._missing = 0  # bytes of the body, or of its present chunk, that have not come yet

    def feed(self, data: bytes) -> Answer | None:
        """The answer that is complete with this data, if one is."""
        if self._kept:
            data, self._kept = self._kept + data, b""
        answer = self._answer
        if answer is None:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._kept = data
                return None
            answer = self._answer = Answer(data[: end + 2])
            data = data[end + 4 :]
            length = _LENGTH.search(answer.head)
            self._missing = int(length[1]) if length is not None else 0
            self._chunked = length is None and _CHUNKED.search(answer.head) is not None
        if self._chunked:
            whole = self._chunks(answer, data)
        else:
            answer.take(data)
            self._missing -= len(data)
            whole = not self._missing
        if not whole:
            return None
        self._answer = None
        return answer

    def _chunks(self, answer: Answer, data: bytes) -> bool:
        """Whether the last chunk has come (RFC 9112, §7.1; no trailers)."""
        while True:
            if self._missing > len(_END):
                part = data[: self._missing - len(_END)]
                answer.take(part)
                self._missing -= len(part)
                data = data[len(part) :]
            if self._missing:
                ended = min(self._missing, len(data))
                self._missing -= ended
                data = data[ended:]
            if self._missing:
                return False
            line, found, rest = data.partition(_END)
            if not found:
                self._kept = data
                return False
            size = int(line.partition(b";")[0], 16)
            if size == 0 and len(rest) < len(_END):
                self._kept = data
                return False
            if size == 0:
                return True
            self._missing = size + len(_END)
            data = rest


def named(head: bytes, name: bytes) -> bytes:
    """The value of a header, or nothing."""
    found = re.search(rb"\r\n%b: *([^\r]+)" % re.escape(name), head, re.IGNORECASE)
    return found[1] if found is not None else b""

"""One request on an HTTP connection and its answer: ASGI's receive and send, or all at once.

What can be answered without waiting gets no task: it calls ``answer`` when it has the answer,
which may be later. Everything else is an ASGI app with a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Protocol

from core.asgi import Header, Message, Payload, Scope, Work

REQUEST_ID = b"x-request-id"
SMALL = 64 * 1024  # bytes of an answer that are put together; larger parts are not copied
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}
_NO_BODY = frozenset({204, 304})
_OK = STATUS_LINES[200]
_JSON = b"\r\ncontent-type: application/json\r\n"


class Line(Protocol):
    """The connection, as far as a turn needs it."""

    def write(self, *parts: Payload) -> None:
        """Send bytes; silently lost once the client is gone."""

    def read_on(self) -> None:
        """There is room for more of the body."""

    @property
    def clogged(self) -> bool:
        """Whether the client does not take what was sent."""

    async def drained(self) -> None:
        """Wait until it takes it, or is gone."""

    def over(self, turn: HttpTurn) -> None:
        """The answer is complete."""

    def spawn(self, turn: HttpTurn, work: Work) -> None:
        """Give the turn a task of its own after all."""


class HttpTurn:
    """Implements ``core.asgi.Turn``, and ASGI's ``receive`` and ``send`` as methods."""

    __slots__ = (
        *("scope", "request_id", "keep_alive", "expects", "started", "done", "gone"),
        *("unread", "_line", "_body", "_more", "_news", "_event", "_chunked", "_left", "_headless"),
        "_when_gone",
    )

    def __init__(
        self, line: Line, scope: Scope, request_id: bytes, keep_alive: bool, expects: bool
    ) -> None:
        self.scope = scope
        self.request_id = request_id
        self.keep_alive = keep_alive
        self.expects = expects  # the client sends the body only when told to
        self.started = False  # the answer is
        self.done = False  # the answer is complete
        self.gone = False  # the client is
        self.unread = 0  # bytes of the body that nobody has taken
        self._line = line
        self._body: list[bytes] = []  # these
        self._more = True
        self._news = False
        self._event: asyncio.Event | None = None  # made by the first who has to wait
        self._chunked = False
        self._left = 0  # bytes of the answer, if it said how many
        self._headless = False  # the answer has a head only
        self._when_gone: Callable[[], object] | None = None

    # --- what the connection tells ------------------------------------------------------------

    @property
    def whole(self) -> bool:
        """Whether all of the request is here."""
        return not self._more

    def came(self, body: bytes) -> None:
        """A piece of the body; what comes after the answer is of no use to anybody."""
        if not self.done:
            self._body.append(body)
            self.unread += len(body)
            self._news = True
            if self._event is not None:
                self._event.set()

    def ended(self) -> None:
        """That was all of it."""
        self._more = False
        self._news = True
        if self._event is not None:
            self._event.set()

    def lost(self) -> None:
        """The client is gone."""
        if not self.done:
            self.gone = True
            if self._when_gone is not None:
                self._when_gone()
        if self._event is not None:
            self._event.set()

    # --- all at once --------------------------------------------------------------------------

    @property
    def body(self) -> bytes:
        """The whole body of a request that is whole."""
        return self._body[0] if len(self._body) == 1 else b"".join(self._body)

    def answer(self, *body: Payload) -> None:
        """Answer with 200 and JSON in so many parts; nothing happens if the client is gone."""
        if self.gone:
            return
        self.started = True
        length = sum(map(len, body))
        close = b"" if self.keep_alive else b"connection: close\r\n"
        head = b"%bx-request-id: %b\r\ncontent-length: %d%b%b\r\n" % (
            _OK,
            self.request_id,
            length,
            _JSON,
            close,
        )
        if length <= SMALL:
            self._line.write(b"".join((head, *body)))
        else:
            self._line.write(head, *body)
        self._complete()

    def when_gone(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` if the client goes away before the answer."""
        self._when_gone = tell

    def spawn(self, work: Work) -> None:
        """Let a task of its own answer instead."""
        self._when_gone = None
        self._line.spawn(self, work)

    def _complete(self) -> None:
        self.done = True
        self._body.clear()
        self.unread = 0
        if self._event is not None:
            self._event.set()
        self._line.over(self)

    # --- ASGI ---------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """The next piece of the body, or that the client is gone or answered."""
        if self.expects and not self.gone:
            self.expects = False
            self._line.write(CONTINUE)
        if not self.gone and not self.done:
            self._line.read_on()
            if not self._news:
                self._event = self._event or asyncio.Event()
                self._event.clear()
                await self._event.wait()
            self._news = False
        if self.gone or self.done:
            return {"type": "http.disconnect"}
        body, self._body, self.unread = self.body, [], 0
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        """Send the head of the answer, or a part of its body."""
        if self._line.clogged:
            await self._line.drained()
        if self.gone:
            return
        if message["type"] == "http.response.start":
            self._line.write(self._head(message["status"], message.get("headers", ())))
        else:
            self._send_body(message.get("body", b""), message.get("more_body", False))

    def _head(self, status: int, headers: Iterable[Header]) -> bytes:
        assert not self.started
        self.started = True
        self.expects = False
        self._headless = self.scope["method"] == "HEAD" or status in _NO_BODY
        self._chunked = not self._headless
        parts = [STATUS_LINES[status], REQUEST_ID, b": ", self.request_id, b"\r\n"]
        for name, value in headers:
            if b"\n" in value or b"\r" in value:
                raise ValueError(f"a header {name!r} with a line break")
            if name == b"content-length":
                self._chunked = False
                self._left = 0 if self._headless else int(value)
            elif name == b"connection" and value == b"close":
                self.keep_alive = False
                continue
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        if self._chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _send_body(self, body: bytes, more: bool) -> None:
        assert self.started
        assert not self.done
        if self._headless:
            body = b""
        if self._chunked:
            if body:
                self._line.write(b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                self._line.write(b"0\r\n\r\n")
        else:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise ValueError("the answer is not as long as its Content-Length says")
            if body:
                self._line.write(body)
        if not more:
            self._complete()

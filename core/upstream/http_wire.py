"""One HTTP/1.1 connection to a server: a request goes out, its answer comes back in pieces.

Ours, since a general client costs four times as much per request, and hides what has to be told
apart here: whether anything was sent, and where in an answer a connection broke. Parsing is
httptools' (llhttp's).
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Mapping
from typing import Protocol, cast

import httptools

LARGEST_HEAD = 64 * 1024  # bytes
MOST_HEADERS = 200


class WireFailure(Exception):
    """A request got no whole answer; ``str()`` says why, in words for a person.

    ``unsent``: the server cannot have seen the request.
    """

    def __init__(self, why: str, *, unsent: bool = False) -> None:
        super().__init__(why)
        self.unsent = unsent


class Answer(Protocol):
    """Takes one answer; each is ended by exactly one of ``end`` and ``failed``.

    Neither is called any more once the exchange was closed.
    """

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        """``headers`` are by name in lower case; repeated ones are joined by commas."""

    def body(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def failed(self, failure: WireFailure) -> None: ...


class Wire(asyncio.Protocol):
    """Carries one exchange at a time. ``at_rest`` is told when it could carry the next one,
    ``over`` when it is closed."""

    def __init__(self, at_rest: Callable[[Wire], None], over: Callable[[Wire], None]) -> None:
        self._at_rest = at_rest
        self._over = over
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._count = 0
        self._in_body = False
        self._framed = False  # the body's end is told by its head, and not by the connection's
        self.idle: asyncio.TimerHandle | None = None

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def stale(self) -> bool:
        """Whether the server has closed it, or said something that nobody asked for, and the loop
        has not come to notice it: what is sent now would be lost."""
        if self._transport is None or self._transport.is_closing():
            return True
        descriptor = self._transport.get_extra_info("socket").fileno()
        if descriptor < 0:
            return True
        if not hasattr(select, "poll"):
            return bool(select.select([descriptor], [], [], 0)[0])
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def keep_alive(self) -> bytes:
        """What the last answer's ``Keep-Alive`` said (RFC 2068, §19.7.1.1); empty: nothing."""
        return self._headers.get(b"keep-alive", b"")

    def carry(self, request: bytes, answer: Answer) -> None:
        """Send a request and hand what comes back to ``answer``."""
        assert self._transport is not None
        self._answer = answer
        self._transport.write(request)

    def close(self) -> None:
        """End it at once; whoever waits is not told."""
        self._answer = None
        if self._transport is not None:
            self._transport.abort()

    # --- the transport's side -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.close()  # nobody asked for anything
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("it wants another protocol than HTTP")
        except httptools.HttpParserCallbackError as error:
            why = error.__context__
            if not isinstance(why, WireFailure):
                raise
            self._break(str(why))
        except httptools.HttpParserError as error:
            self._break(f"what it sends is not HTTP ({error})")

    def connection_lost(self, exc: Exception | None) -> None:
        answer, self._answer = self._answer, None
        if self.idle is not None:
            self.idle.cancel()
        self._over(self)
        if answer is None:
            return
        if self._in_body and not self._framed and exc is None:
            answer.end()  # such a body ends with its connection (RFC 9112, §6.3)
        elif self._in_body:
            answer.failed(WireFailure("the connection broke in the middle of the answer"))
        else:
            how = "was reset" if isinstance(exc, ConnectionResetError) else "was closed"
            answer.failed(WireFailure(f"the connection {how} before an answer came"))

    def _break(self, why: str) -> None:
        answer, self._answer = self._answer, None
        if self._transport is not None:
            self._transport.abort()
        if answer is not None:
            answer.failed(WireFailure(why))

    # --- the parser's side ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._headers = {}
        self._head_size = self._count = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        self._count += 1
        if self._head_size > LARGEST_HEAD or self._count > MOST_HEADERS:
            raise WireFailure("the head of its answer is too long")
        name = name.lower()
        known = self._headers.get(name)
        self._headers[name] = value if known is None else b"%b, %b" % (known, value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._answer is None:
            return  # 1xx: the answer is yet to come (RFC 9110, §15.2)
        self._in_body = True
        chunked = b"chunked" in self._headers.get(b"transfer-encoding", b"").lower()
        self._framed = chunked or b"content-length" in self._headers
        self._answer.head(status, self._headers)

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.body(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            return
        self._in_body = False
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if self._parser.should_keep_alive() and self.usable:
            self._at_rest(self)
        elif self._transport is not None:
            self._transport.close()
        answer.end()

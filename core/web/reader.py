"""From what a client sends to turns: the parser's callbacks, and limits on the head of a request.

The limits are enforced before there is a request, and the request id is made here, so that no
answer can miss it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from urllib.parse import unquote

import httptools

from core.asgi import Scope
from core.web.turn import REQUEST_ID, HttpTurn, Line

MOST_HEADERS = 100
LARGEST_HEAD = 64 * 1024  # bytes of request line and headers, and at most one read more

Address = tuple[str, int | None] | None

_LONGEST_ID = 64
_ID_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_NOTED = frozenset({b"expect", b"transfer-encoding", REQUEST_ID})
_ASGI = {"version": "3.0", "spec_version": "2.3"}
# A prefix per process and a counter: unique, and cheaper than a random number each time.
_PREFIX = secrets.token_hex(4).encode()
_NUMBERS = count(1)


class NotHttp(Exception):
    """What came is no HTTP, or breaks a rule of ours; nothing more can be read."""


class HeadTooLarge(Exception):
    """Request line and headers have no end."""


class _Unacceptable(Exception):
    """Ends the reading through the parser's error path."""


class Reader:
    """Feed it what comes; ``asked`` is given each turn when its head is whole."""

    def __init__(self, line: Line, asked: Callable[[HttpTurn], None]) -> None:
        self.server: Address = None
        self.client: Address = None
        self.in_head = True
        self.head_bytes = 0  # of a head that came in several pieces
        self.coming: HttpTurn | None = None  # the one whose body comes in
        self._line = line
        self._asked = asked
        self._parser = httptools.HttpRequestParser(self)
        # What follows a request that said "connection: close" is not looked at.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._request_id = b""  # as the client sent it
        self._expects = False

    def feed(self, data: bytes) -> None:
        """Raises NotHttp, HeadTooLarge."""
        was_in_head = self.in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # none is offered: it is answered as the plain request it also is
        except httptools.HttpParserError as error:
            raise NotHttp from error
        if self.in_head:
            if was_in_head:
                self.head_bytes += len(data)
            if self.head_bytes > LARGEST_HEAD:
                raise HeadTooLarge

    # --- the parser's callbacks ---------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._request_id = b""
        self._expects = False
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _NOTED:
            if name == REQUEST_ID:
                self._request_id = value
            elif name == b"transfer-encoding":
                # The parser objects to other codings only after the request has begun.
                if value.lower() != b"chunked":
                    raise _Unacceptable
            elif value.lower() == b"100-continue":
                self._expects = True
        headers = self._headers
        headers.append((name, value))
        if len(headers) > MOST_HEADERS:
            raise _Unacceptable

    def on_headers_complete(self) -> None:
        # HTTP/1.0 and 0.9 know neither Host nor chunks; an absolute target would override Host.
        parser = self._parser
        if parser.get_http_version() != "1.1" or not self._url.startswith(b"/"):
            raise _Unacceptable
        request_id = self._request_id
        if not request_id or not _sane(request_id):
            request_id = new_request_id()
        path, raw_path, query = _target(self._url)
        scope: Scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "scheme": "http",
            "method": parser.get_method().decode(),
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "server": self.server,
            "client": self.client,
            "state": {"request_id": request_id},
        }
        self.in_head = False
        self.head_bytes = 0
        self.coming = HttpTurn(
            self._line, scope, request_id, parser.should_keep_alive(), self._expects
        )
        self._asked(self.coming)

    def on_body(self, body: bytes) -> None:
        if self.coming is not None:
            self.coming.came(body)

    def on_message_complete(self) -> None:
        if self.coming is not None:
            self.coming.ended()
            self.coming = None


def new_request_id() -> bytes:
    return b"%b-%x" % (_PREFIX, next(_NUMBERS))


@lru_cache(maxsize=256)
def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as sent, and query of a request's target. Raises HttpParserInvalidURLError."""
    parsed = httptools.parse_url(url)
    raw = parsed.path
    path = raw.decode("ascii")
    return unquote(path) if "%" in path else path, raw, parsed.query or b""


def _sane(request_id: bytes) -> bool:
    return len(request_id) <= _LONGEST_ID and not request_id.translate(None, _ID_BYTES)

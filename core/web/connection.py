"""One HTTP connection: uvicorn's httptools protocol with the limits it leaves out.

Limits on the head of a request are enforced here, before there is a request; so are the ones on
time, and the request id is made here, so that no answer can miss it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from typing import cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from core.web.replies import failure

MOST_HEADERS = 100
LARGEST_HEAD = 64 * 1024  # bytes of request line and headers, and at most one read more
HEAD_TIME = 10.0  # seconds to send them
BODY_TIME = 30.0  # seconds in which at least so much of a body has to come:
LEAST_BODY = 64 * 1024  # bytes
STUCK_TIME = 60.0  # seconds a client may take nothing while something waits to be sent

_REQUEST_ID = b"x-request-id"
_LONGEST_ID = 64
_ID_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_NOTED = frozenset({b"expect", b"transfer-encoding", _REQUEST_ID})
# A prefix per process and a counter: unique, and cheaper than a random number each time.
_PREFIX = secrets.token_hex(4).encode()
_NUMBERS = count(1)


class _Unacceptable(Exception):
    """The head breaks a rule of ours; ends the connection through the parser's error path."""


class Connection(HttpToolsProtocol):
    """What is made for each accepted socket; ``ended`` is called when it is closed."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        ended: Callable[[], None],
        head_time: float = HEAD_TIME,
        stuck_time: float = STUCK_TIME,
        body_time: float = BODY_TIME,
    ) -> None:
        super().__init__(config, state, {})
        self._ended = ended
        self._head_time = head_time
        self._stuck_time = stuck_time
        self._body_time = body_time
        self._head_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._stuck_at = 0  # bytes waiting when the timer was started
        self._body_timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0  # since the timer was started
        self._in_head = True
        self._in_body = False
        self._head_bytes = 0
        self._request_id = b""  # as the client sent it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        if _same_user(transport):
            self._await_head()
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        self._body_arrived()
        self._unstuck()
        super().connection_lost(exc)
        self._ended()

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            if was_in_head:
                self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self._refuse(431, "head_too_large", "The request line and headers are too long.")
            elif self._head_timer is None:
                self._await_head()
        elif self._in_body and not self.transport.is_closing():
            self._body_bytes += len(data)
            if self._body_timer is None:
                self._await_body()

    # --- parser callbacks -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._request_id = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _NOTED:
            if name == _REQUEST_ID:
                self._request_id = value
            elif name == b"transfer-encoding":
                # The parser objects to other codings only after the request has begun.
                if value.lower() != b"chunked":
                    raise _Unacceptable
            elif value.lower() == b"100-continue":
                self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > MOST_HEADERS:
            raise _Unacceptable

    def on_headers_complete(self) -> None:
        # HTTP/1.0 and 0.9 know neither Host nor chunks; an absolute target would override Host.
        if self.parser.get_http_version() != "1.1" or not self.url.startswith(b"/"):
            raise _Unacceptable
        request_id = self._request_id
        if not _sane(request_id):
            request_id = b"%s-%x" % (_PREFIX, next(_NUMBERS))
        super().on_headers_complete()
        # The task that answers has not run yet: both are in time.
        self.scope["state"]["request_id"] = request_id
        self.cycle.default_headers = [(_REQUEST_ID, request_id)]
        self._in_head = False
        self._in_body = True
        self._head_bytes = 0
        self._head_arrived()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._body_arrived()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "bad_request", msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Not offering WebSockets is no news for the log."""

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer what never became a request, and close."""
        earlier = cast("RequestResponseCycle | None", self.cycle)
        if earlier is not None and not earlier.response_complete:
            self.transport.abort()  # its answer is under way in the same stream
            return
        self._say(status, code, message)

    def _say(self, status: int, code: str, message: str) -> None:
        request_id = b"%s-%x" % (_PREFIX, next(_NUMBERS))
        body = failure(code, message, request_id)
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n%s: %s\r\n\r\n%s"
            % (
                status,
                HTTPStatus(status).phrase.encode(),
                len(body),
                _REQUEST_ID,
                request_id,
                body,
            )
        )
        self.transport.close()

    # --- limits on time -------------------------------------------------------------------------

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._head_time, self._head_too_late)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse(408, "too_slow", "The request line and headers took too long to arrive.")
        else:
            self.transport.close()

    def _await_body(self) -> None:
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self._body_time, self._body_too_late)

    def _body_arrived(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _body_too_late(self) -> None:
        self._body_timer = None
        if self.flow.read_paused or self._body_bytes >= LEAST_BODY:
            self._await_body()  # it is us who do not take it, or it comes
        elif self.cycle.response_started or self.pipeline:
            self.transport.abort()
        else:
            self._say(408, "too_slow", "The request's body took too long to arrive.")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_for_stuck()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unstuck()

    def _watch_for_stuck(self) -> None:
        self._stuck_at = self.transport.get_write_buffer_size()
        self._stuck_timer = self.loop.call_later(self._stuck_time, self._still_stuck)

    def _unstuck(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None

    def _still_stuck(self) -> None:
        if self.transport.get_write_buffer_size() < self._stuck_at:
            self._watch_for_stuck()
        else:
            self.transport.abort()


def _sane(request_id: bytes) -> bool:
    return 0 < len(request_id) <= _LONGEST_ID and not request_id.translate(None, _ID_BYTES)


def _same_user(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer of a unix socket is us; where the system cannot say, file modes must do."""
    raw = transport.get_extra_info("socket")
    option = getattr(socket, "SO_PEERCRED", None)
    if raw is None or raw.family in (socket.AF_INET, socket.AF_INET6) or option is None:
        return True
    _, uid, _ = struct.unpack("3i", raw.getsockopt(socket.SOL_SOCKET, option, 12))
    return bool(uid == os.geteuid())

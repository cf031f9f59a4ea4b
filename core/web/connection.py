"""One HTTP/1.1 connection: who is answered in which order, and how long anything may take.

Requests that come before the one ahead of them is answered wait for their turn (RFC 9112 §9.3.2).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from core.asgi import ASGIApp, AtOnce, ClientGone, Payload, Work
from core.telemetry.logging import fields
from core.web.reader import Address, HeadTooLarge, NotHttp, Reader, new_request_id
from core.web.replies import failure
from core.web.seldom import Seldom
from core.web.turn import REQUEST_ID, STATUS_LINES, HttpTurn

MOST_UNREAD = 64 * 1024  # bytes of a body that are kept for an app that does not take them
HEAD_TIME = 10.0  # seconds to send request line and headers
BODY_TIME = 30.0  # seconds in which at least so much of a body has to come:
LEAST_BODY = 64 * 1024  # bytes
STUCK_TIME = 60.0  # seconds a client may take nothing while something waits to be sent
KEEP_ALIVE = 75.0  # seconds: longer than any client keeps one, so that we never close first

log = logging.getLogger(__name__)
_malformed = Seldom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long a connection is patient, in seconds."""

    head: float = HEAD_TIME
    body: float = BODY_TIME
    stuck: float = STUCK_TIME
    idle: float = KEEP_ALIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What all connections of one server share.

    ``at_once`` is asked first about a request that is whole, ``arrived`` told of each request,
    and ``eased`` when a connection that is to end has less to do, or is gone.
    """

    app: ASGIApp
    at_once: AtOnce
    arrived: Callable[[], None]
    eased: Callable[[], None]
    connections: set[Connection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    times: Times = Times()


class Connection(asyncio.Protocol):
    """What is made for each accepted socket."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._times = host.times
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(self, self._asked)
        self._turn: HttpTurn | None = None  # the one that is answered now
        self._begun = True  # it is; else it is begun when what was read is parsed
        self._pipeline: deque[HttpTurn] = deque()  # those behind it
        self._reading = True
        self._writable: asyncio.Event | None = None  # while the client takes nothing
        self._leaving = False  # close after the present answer
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0  # since the timer was started
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._stuck_at = 0  # bytes waiting when the timer was started
        self._idle_timer: asyncio.TimerHandle | None = None
        self._idle_since = 0.0

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._turn is not None

    # --- what the loop tells ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._reader.server = _address(transport.get_extra_info("sockname"))
        self._reader.client = _address(transport.get_extra_info("peername"))
        self._host.connections.add(self)
        if _same_user(transport):
            self._await_head()
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._body_timer, self._stuck_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        for turn in (self._turn, *self._pipeline):
            if turn is not None:
                turn.lost()
        self._turn = None
        self._pipeline.clear()
        if self._writable is not None:
            self._writable.set()
        self._host.connections.discard(self)
        self._host.eased()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
        except NotHttp:
            if _malformed.passes():
                more = fields(more_before=_malformed.left_out)
                log.warning("a request was not HTTP and was refused", extra=more)
            self._refuse(400, "bad_request", "Invalid HTTP request received.")
            return
        except HeadTooLarge:
            self._refuse(431, "head_too_large", "The request line and headers are too long.")
            return
        if not self._begun and self._turn is not None:
            self._begin(self._turn)
        if self.transport.is_closing():
            return
        coming = reader.coming
        if coming is not None:
            if coming.unread > MOST_UNREAD:
                self._read_no_more()
            self._body_bytes += len(data)
            if self._body_timer is None:
                self._await_body()
            return
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        if reader.in_head and self._head_timer is None:
            self._await_head()

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()
        self._watch_for_stuck()

    def resume_writing(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def _asked(self, turn: HttpTurn) -> None:
        """The head of a request is here, while what was read is still being parsed."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._leaving:
            turn.keep_alive = False
        if self._turn is None:
            self._turn = turn
            self._begun = False
        else:
            self._pipeline.append(turn)
            self._read_no_more()

    # --- answering --------------------------------------------------------------------------

    def _begin(self, turn: HttpTurn) -> None:
        """Answer it, at once if that is possible."""
        self._begun = True
        host = self._host
        host.arrived()
        if turn.whole and self._writable is None and host.at_once(turn):
            return
        self.spawn(turn, lambda receive, send: host.app(turn.scope, receive, send))

    def spawn(self, turn: HttpTurn, work: Work) -> None:
        task = self._loop.create_task(_awaiting(work, turn))
        self._host.tasks.add(task)
        task.add_done_callback(lambda task: self._answered(turn, task))

    def _answered(self, turn: HttpTurn, task: asyncio.Task[None]) -> None:
        """The task is over; if it left its client without an answer that is a bug of ours."""
        self._host.tasks.discard(task)
        if self._leaving:
            self._host.eased()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ClientGone):
            log.error("bug while answering", exc_info=error)
        if turn.done or turn.gone:
            return
        if turn.started or task.cancelled():
            self.transport.abort()
        else:
            self._say(500, "internal", "This is a bug in MCP Proxy Tray; main.log has more.")

    def write(self, *parts: Payload) -> None:
        if not self.transport.is_closing():
            if len(parts) == 1:
                self.transport.write(parts[0])
            else:
                self.transport.writelines(parts)

    def over(self, turn: HttpTurn) -> None:
        self._turn = None
        if not turn.keep_alive or self._leaving:
            self.transport.close()
        elif self._pipeline:
            self._turn = self._pipeline.popleft()
            self._begun = False
            self.read_on()
            self._loop.call_soon(self._next)
        else:
            self.read_on()
            self._idle_since = self._loop.time()
            if self._idle_timer is None:
                self._idle_timer = self._loop.call_later(self._times.idle, self._idle)
        if self._leaving:
            self._host.eased()

    def _next(self) -> None:
        if not self._begun and self._turn is not None:
            self._begin(self._turn)

    def leave(self) -> None:
        """Close when the present answer is complete; at once if there is none."""
        self._leaving = True
        if self._turn is None:
            self.transport.close()
        else:
            self._turn.keep_alive = False

    @property
    def clogged(self) -> bool:
        return self._writable is not None

    async def drained(self) -> None:
        while self._writable is not None and not self.transport.is_closing():
            await self._writable.wait()

    def _read_no_more(self) -> None:
        if self._reading:
            self._reading = False
            self.transport.pause_reading()

    def read_on(self) -> None:
        if not self._reading and not self._pipeline and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer what never became a request, and close."""
        if self._turn is not None:
            self.transport.abort()  # an answer is under way in the same stream
        else:
            self._say(status, code, message)

    def _say(self, status: int, code: str, message: str) -> None:
        request_id = new_request_id()
        body = failure(code, message, request_id)
        self.transport.write(
            b"%bcontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n%b: %b\r\n\r\n%b"
            % (STATUS_LINES[status], len(body), REQUEST_ID, request_id, body)
        )
        self.transport.close()

    # --- limits on time -----------------------------------------------------------------------

    def _idle(self) -> None:
        """One timer for all the pauses between requests: most are over before it is due."""
        self._idle_timer = None
        if self._turn is not None or self._reader.coming is not None or self._reader.in_head:
            return  # it is set again when that is over
        left = self._idle_since + self._times.idle - self._loop.time()
        if left > 0:
            self._idle_timer = self._loop.call_later(left, self._idle)
        else:
            self.transport.close()

    def _await_head(self) -> None:
        self._head_timer = self._loop.call_later(self._times.head, self._head_too_late)

    def _head_too_late(self) -> None:
        self._head_timer = None
        if self._reader.head_bytes:
            self._refuse(408, "too_slow", "The request line and headers took too long to arrive.")
        else:
            self.transport.close()

    def _await_body(self) -> None:
        self._body_bytes = 0
        self._body_timer = self._loop.call_later(self._times.body, self._body_too_late)

    def _body_too_late(self) -> None:
        self._body_timer = None
        if not self._reading or self._body_bytes >= LEAST_BODY:
            self._await_body()  # it is us who do not take it, or it comes
        elif self._turn is None or self._turn.started or self._pipeline:
            self.transport.abort()
        else:
            self._say(408, "too_slow", "The request's body took too long to arrive.")

    def _watch_for_stuck(self) -> None:
        self._stuck_at = self.transport.get_write_buffer_size()
        self._stuck_timer = self._loop.call_later(self._times.stuck, self._still_stuck)

    def _still_stuck(self) -> None:
        if self.transport.get_write_buffer_size() < self._stuck_at:
            self._watch_for_stuck()
        else:
            self.transport.abort()


async def _awaiting(work: Work, turn: HttpTurn) -> None:
    await work(turn.receive, turn.send)


def _address(name: object) -> Address:
    """As ASGI has it: host and port, or the path of a unix socket and nothing."""
    if isinstance(name, tuple):
        return str(name[0]), int(name[1])
    return (name, None) if isinstance(name, str) and name else None


def _same_user(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer of a unix socket is us; where the system cannot say, file modes must do."""
    raw = transport.get_extra_info("socket")
    option = getattr(socket, "SO_PEERCRED", None)
    if raw is None or raw.family in (socket.AF_INET, socket.AF_INET6) or option is None:
        return True
    _, uid, _ = struct.unpack("3i", raw.getsockopt(socket.SOL_SOCKET, option, 12))
    return bool(uid == os.geteuid())

"""Many requests of many askers over one connection to a server, each getting its own answer.

Ids and progress tokens are ours on the wire, since those of two clients may collide; the asker's
own are put back on the way out.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from core.protocol import envelope
from core.protocol.calls import (
    Call,
    CallTimeout,
    Catalogue,
    ConnectionLost,
    Hello,
    Notify,
    Reply,
    TooBusy,
)
from core.protocol.codes import Code
from core.protocol.envelope import Kind, Malformed
from core.protocol.framing import EDGE, LINE_LIMIT, Oversize

WAITING_LIMIT = 256  # requests kept for one server beyond those in flight
WAITING_BYTES = 16 * 1024 * 1024  # with so much in them no further ones are kept
LONGEST_CALL = 900.0  # seconds, however much progress a server reports
UNREAD_LIMIT = 10.0  # seconds a server may leave its input unread
UNREAD_BYTES = 1024 * 1024  # of notifications and answers kept for a server that does not read
TIMER_RESOLUTION = 0.002  # seconds; a timer may fire so much too early
REASON_LENGTH = 200  # characters of a reason for cancelling that are passed on
ABANDONED_KEPT = 1024  # ids whose late answers are expected and dropped in silence

# Where serialisers put the envelope's id: at the very start, or at the very end. An "id" further
# in belongs to the payload.
_ID_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,')
_ID_LAST = re.compile(rb',\s*"id"\s*:\s*(\d+)\s*\}\s*$')
# A request of the server's own that cannot be read; its id is from the server's count, not ours.
_REQUEST = re.compile(rb'\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"[^"]*"|-?\d+)\s*,\s*)*"method"\s*:')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests in flight at the same time, and seconds each gets after it was last heard of."""

    concurrency: int
    timeout: float


class Multiplexer:
    """Implements ``core.protocol.calls.Session`` over a way to write lines.

    While the server does not read (``input_full`` to ``input_free``), requests wait here and
    not in the pipe, where they could not be taken back.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        limits: Callable[[], Limits],
        violation: Callable[[str, str], None],
        notified: Notify,
        hung: Callable[[int], None],
    ) -> None:
        self.hello = Hello("")
        self.catalogue = Catalogue()
        self._write = write
        self._limits = limits  # asked anew for each request, since a person may change them
        self._violation = violation  # (kind, what) of something MCP does not allow
        self._notified = notified
        self._hung = hung  # how many requests in a row were not answered in time
        self._loop = asyncio.get_running_loop()
        self._next_id = 1
        self._in_flight: dict[bytes, _Pending] = {}  # by id as JSON
        self._waiting: deque[_Pending] = deque()
        self._abandoned: deque[bytes] = deque(maxlen=ABANDONED_KEPT)
        self._listeners: dict[object, Notify] = {}
        self._lost = False
        self._hangs = 0
        self._sending: _Pending | None = None
        self._stuck: _Pending | None = None  # the request that filled the pipe
        self._full: asyncio.TimerHandle | None = None  # set while the server does not read
        self._full_since = 0.0
        self._unread = 0  # bytes written all the same, of what is no request

    # --- the askers' side ---------------------------------------------------------------------

    def start(self, method: str, params: bytes, caller: str = "") -> Call:
        if self._lost:
            raise ConnectionLost("the connection is closing")
        if len(self._waiting) >= WAITING_LIMIT:
            raise TooBusy(f"{WAITING_LIMIT} requests already wait for this server")
        if sum(len(pending.params) for pending in self._waiting) >= WAITING_BYTES:
            raise TooBusy(f"{WAITING_BYTES >> 20} MiB of requests already wait for this server")
        now = self._loop.time()
        if self._full is not None and now - self._full_since >= UNREAD_LIMIT:
            raise TooBusy(f"it has not read its input for {now - self._full_since:.0f} s")
        call = Call(caller)
        call.upstream_id = self._next_id
        self._next_id += 1
        limits = self._limits()
        pending = _Pending(call, method, params, limits.timeout, now)
        pending.timer = self._loop.call_at(pending.due, self._expire, pending)
        if self._may_send(limits):
            self._send(pending)
        else:
            self._waiting.append(pending)
        return call

    def cancel(self, call: Call, reason: str) -> None:
        pending = self._in_flight.get(b"%d" % call.upstream_id)
        if pending is not None:
            self._abandon(pending, reason)
        for pending in self._waiting:
            if pending.call is call:
                pending.settle()
                self._waiting.remove(pending)
                break

    def notify(self, method: str, params: bytes) -> None:
        if not self._lost:
            self._tell(envelope.notification(method, params))

    def listen(self, notify: Notify) -> Callable[[], None]:
        key = object()
        self._listeners[key] = notify
        return lambda: self._listeners.pop(key, None) and None

    def broadcast(self, method: str, params: bytes) -> None:
        """Pass a notification that belongs to no request on to everyone who listens."""
        for notify in tuple(self._listeners.values()):
            notify(method, params)

    # --- the wire's side ----------------------------------------------------------------------

    def received(self, frame: bytes | Oversize) -> None:
        """Take one line of the server's; nothing it may hold raises."""
        if isinstance(frame, Oversize):
            self._refuse(
                "too_long",
                frame.head,
                frame.tail,
                f"{frame.length} bytes in one line, {LINE_LIMIT >> 20} MiB are taken",
            )
            return
        try:
            message = envelope.decode(frame)
            kind = envelope.kind_of(message)
        except Malformed as problem:
            self._refuse(problem.kind, frame[:EDGE], frame[-EDGE:], str(problem))
            return
        match kind:
            case Kind.RESULT:
                self._answered(bytes(message.id), Reply(result=message.result))
            case Kind.ERROR:
                self._answered(bytes(message.id), Reply(error=message.error))
            case Kind.NOTIFICATION:
                self._notification(str(message.method), bytes(message.params))
            case Kind.REQUEST:
                self._requested(bytes(message.id), str(message.method))

    def input_full(self) -> None:
        """The server does not read what it was sent."""
        if self._full is None and not self._lost:
            self._full_since = self._loop.time()
            self._stuck = self._sending
            self._full = self._loop.call_later(UNREAD_LIMIT, self._give_up_writing)

    def input_free(self) -> None:
        """It reads again."""
        if self._full is not None:
            self._full.cancel()
            self._full = None
            self._unread = 0
            self._send_next()

    def lose(self) -> None:
        """The connection is over: everyone still waiting learns it at once."""
        self._lost = True
        if self._full is not None:
            self._full.cancel()
        unanswered = [*self._in_flight.values(), *self._waiting]
        self._in_flight.clear()
        self._waiting.clear()
        for pending in unanswered:
            pending.settle()
            pending.call.fail(ConnectionLost("the server went away before it answered"))

    # --- inside -------------------------------------------------------------------------------

    def _send(self, pending: _Pending) -> None:
        request_id = pending.call.upstream_id
        self._in_flight[b"%d" % request_id] = pending
        params = pending.params
        if b'"progressToken"' in params:
            params, pending.token = _with_token(params, request_id)
        pending.params = b""  # sent once, and never again
        self._sending = pending
        self._write(envelope.request(request_id, pending.method, params) + b"\n")
        self._sending = None

    def _may_send(self, limits: Limits) -> bool:
        return self._full is None and len(self._in_flight) < limits.concurrency

    def _send_next(self) -> None:
        while self._waiting and self._may_send(self._limits()):
            self._send(self._waiting.popleft())

    def _tell(self, message: bytes) -> None:
        """Send what is no request; a server that does not read gets only so much of it."""
        if self._full is not None:
            self._unread += len(message)
            if self._unread > UNREAD_BYTES:
                self._violation("unread", "it does not read, so a message to it was dropped")
                return
        self._write(message + b"\n")

    def _give_up_writing(self) -> None:
        """Fail what waits, and the request that stopped half-way."""
        why = f"because it has not read its input for {UNREAD_LIMIT:g} s"
        unsent, self._waiting = [*self._waiting], deque()
        stuck = self._stuck
        if stuck is not None and b"%d" % stuck.call.upstream_id in self._in_flight:
            self._abandon(stuck, "The request could not be sent.")
            unsent.append(stuck)
        for pending in unsent:
            pending.settle()
            pending.call.fail(CallTimeout(f"no answer to {pending.method}, {why}"))

    def _answered(self, request_id: bytes, reply: Reply) -> None:
        pending = self._in_flight.pop(request_id, None)
        if pending is None:
            if request_id not in self._abandoned:
                self._violation("unknown_id", f"an answer to {request_id[:64]!r}, never asked")
            return
        pending.settle()
        pending.call.finish(reply)
        if self._hangs:
            self._hangs = 0
            self._hung(0)
        self._send_next()

    def _notification(self, method: str, params: bytes) -> None:
        if method != "notifications/progress":
            self._notified(method, params)
            return
        token, rest = _token_of(params)
        pending = self._in_flight.get(token)
        if pending is None or not pending.token:
            if token not in self._abandoned:
                self._violation("unknown_token", f"progress for {token[:64]!r}, never asked")
            return
        pending.heard = self._loop.time()
        rest["progressToken"] = msgspec.Raw(pending.token)
        pending.call.event(method, msgspec.json.encode(rest))

    def _requested(self, request_id: bytes, method: str) -> None:
        if method == "ping":
            answer = envelope.result(request_id, b"{}")
        else:
            # We declared no client capabilities, so nothing else may be asked of us
            # (MCP 2025-11-25, basic/lifecycle#operation); an answer keeps the server going.
            self._violation("unexpected_request", f"a request {method[:64]!r}")
            why = envelope.error_object(
                Code.METHOD_NOT_FOUND, f"{method} is not offered by this client"
            )
            answer = envelope.error(request_id, why)
        self._tell(answer)

    def _refuse(self, kind: str, head: bytes, tail: bytes, why: str) -> None:
        """Count what cannot be read; if it was an answer, its asker gets an error."""
        self._violation(kind, f"{why}: {head[:200]!r}")
        if _REQUEST.match(head):
            return
        match = _ID_FIRST.match(head) or _ID_LAST.search(tail)
        if match is not None and match[1] in self._in_flight:
            told = f"The server's answer could not be read ({why})."
            reply = Reply(error=envelope.error_object(Code.INTERNAL_ERROR, told))
            self._answered(match[1], reply)

    def _expire(self, pending: _Pending) -> None:
        if pending.due > self._loop.time() + TIMER_RESOLUTION:  # progress was reported meanwhile
            pending.timer = self._loop.call_at(pending.due, self._expire, pending)
            return
        if pending in self._waiting:
            self._waiting.remove(pending)
            failure = f"no answer to {pending.method}: it had to wait {pending.timeout:g} s"
        else:
            self._abandon(pending, "The request timed out.")
            took = round(self._loop.time() - pending.asked, 1)
            failure = f"no answer to {pending.method} in {took:g} s and was told to stop"
            self._hangs += 1
            self._hung(self._hangs)
        pending.call.fail(CallTimeout(failure))

    def _abandon(self, pending: _Pending, reason: str) -> None:
        request_id = b"%d" % pending.call.upstream_id
        pending.settle()
        self._in_flight.pop(request_id, None)
        self._abandoned.append(request_id)
        told = {"requestId": pending.call.upstream_id, "reason": reason[:REASON_LENGTH]}
        self.notify("notifications/cancelled", msgspec.json.encode(told))
        self._send_next()


class _Pending:
    """A request waiting for its turn or for its answer."""

    __slots__ = ("asked", "call", "heard", "method", "params", "timeout", "timer", "token")

    def __init__(self, call: Call, method: str, params: bytes, timeout: float, now: float) -> None:
        self.call = call
        self.method = method
        self.params = params
        self.timeout = timeout  # seconds of silence
        self.asked = self.heard = now
        self.token = b""  # the asker's progress token, as JSON
        self.timer: asyncio.TimerHandle | None = None

    @property
    def due(self) -> float:
        """When it is given up: after some silence, or after all a call may take."""
        longest = max(LONGEST_CALL, self.timeout)
        return min(self.heard + self.timeout, self.asked + longest)

    def settle(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


def _with_token(params: bytes, token: int) -> tuple[bytes, bytes]:
    """The params with our progress token in place of the asker's, and the asker's."""
    try:
        members = _members.decode(params)
        meta = _members.decode(members["_meta"])
        own = bytes(meta["progressToken"])
    except (msgspec.DecodeError, KeyError):
        return params, b""  # the word stood elsewhere, in an argument for example
    meta["progressToken"] = msgspec.Raw(b"%d" % token)
    members["_meta"] = msgspec.Raw(msgspec.json.encode(meta))
    return msgspec.json.encode(members), own


def _token_of(params: bytes) -> tuple[bytes, dict[str, msgspec.Raw]]:
    try:
        members = _members.decode(params)
    except msgspec.DecodeError:
        return b"", {}
    return bytes(members.get("progressToken", b"")), members

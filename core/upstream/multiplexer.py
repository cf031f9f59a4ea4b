"""Many requests of many askers over one connection to a server, each getting its own answer.

Ids and progress tokens are ours on the wire, since those of two clients may collide; the asker's
own are put back on the way out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from core.protocol import envelope
from core.protocol.calls import (
    Call,
    CallTimeout,
    ConnectionLost,
    Notify,
    Reply,
    TooBusy,
    start_alone,
)
from core.protocol.codes import Code
from core.protocol.envelope import Kind, Malformed
from core.protocol.framing import EDGE, LINE_LIMIT, Oversize
from core.upstream.alarm import Alarm
from core.upstream.asks import Asks, cause_of, owner_of_log
from core.upstream.audience import Audience
from core.upstream.pending import (
    LOG_LEVEL,
    Limits,
    Outlet,
    Pending,
    check_room,
    token_of,
    with_token,
    without_subscription,
)
from core.upstream.unreadable import answered_id

UNREAD_LIMIT = 10.0  # seconds a server may leave its input unread
UNREAD_BYTES = 1024 * 1024  # of notifications and answers kept for a server that does not read
REASON_LENGTH = 200  # characters of a reason for cancelling that are passed on
ABANDONED_KEPT = 1024  # ids whose late answers are expected and dropped in silence

OURS = "\0"
"""The caller of requests that nobody but we ourselves asked for."""

# Notifications that concern everybody, whichever stream they come on
_FOR_ALL = ("/list_changed", "/updated", "/complete", "/status")
_PROGRESS = "notifications/progress"
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Multiplexer(Audience):
    """Implements ``core.protocol.calls.Session`` over an outlet.

    While the server does not read (``input_full`` to ``input_free``), requests wait here and
    not in the pipe, where they could not be taken back.
    """

    def __init__(
        self,
        outlet: Outlet,
        *,
        limits: Callable[[], Limits],
        violation: Callable[[str, str], None],
        notified: Notify,
        hung: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._outlet = outlet
        self._limits = limits  # asked anew for each request, since a person may change them
        self._violation = violation  # (kind, what) of something MCP does not allow
        self._notified = notified
        self._hung = hung  # how many requests in a row were not answered in time
        self._loop = asyncio.get_running_loop()
        self._next_id = 1
        self._in_flight: dict[bytes, Pending] = {}  # by id as JSON
        self._waiting: deque[Pending] = deque()
        self._abandoned: deque[bytes] = deque(maxlen=ABANDONED_KEPT)
        self._lost = False
        self._hangs = 0
        self._batch: list[Pending] = []  # sent last, in one turn of the loop: written as one
        self._batch_at = 0.0
        self._full: asyncio.TimerHandle | None = None  # set while the server does not read
        self._full_since = 0.0
        self._unread = 0  # bytes written all the same, of what is no request
        self._endless = 0  # of those in flight
        self._held = False
        self._alarm = Alarm(self._give_up_late)
        self.asks = Asks(self._tell)

    # --- the askers' side ---------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def start(self, method: str, params: bytes, caller: str = "") -> Call:
        if self._lost:
            raise ConnectionLost("the connection is closing")
        if self._waiting:
            check_room(self._waiting)
        unread = self._loop.time() - self._full_since if self._full is not None else 0.0
        if unread >= UNREAD_LIMIT:
            raise TooBusy(f"it has not read its input for {unread:.0f} s")
        limits = self._limits()
        pending = self._new(Call(caller), method, params, limits.timeout)
        self._alarm.by(pending.due)
        if self._may_send(limits) or (caller == OURS and self._full is None):
            self._send(pending)
        else:
            self._waiting.append(pending)
        return pending.call

    def stream(self, method: str, params: bytes, call: Call) -> None:
        """Send a request whose answer is the end of a stream, however long that takes.

        Raises ConnectionLost.
        """
        if self._lost:
            raise ConnectionLost("the connection is closing")
        pending = self._new(call, method, params, 0.0)
        pending.endless = True
        self._endless += 1
        self._send(pending)

    def _new(self, call: Call, method: str, params: bytes, timeout: float) -> Pending:
        call.upstream_id = self._next_id
        self._next_id += 1
        return Pending(call, method, params, timeout, self._loop.time())

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

    def _ask(self, method: str, params: bytes) -> None:
        start_alone(self, method, params, OURS)

    # --- the wire's side ----------------------------------------------------------------------

    def received(self, frame: bytes | Oversize, stream: int = 0) -> None:
        """Take one message of the server's; nothing it may hold raises.

        ``stream`` is the id of the request on whose stream it came, where there is such a thing.
        """
        if isinstance(frame, Oversize):
            why = f"{frame.length} bytes in one line, {LINE_LIMIT >> 20} MiB are taken"
            self._refuse("too_long", frame.head, frame.tail, why)
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
                self._notification(str(message.method), bytes(message.params), stream)
            case Kind.REQUEST:
                params = bytes(message.params)
                self._requested(bytes(message.id), str(message.method), params, stream)

    def input_full(self) -> None:
        """The server does not read what it was sent."""
        if self._full is None and not self._lost:
            self._full_since = self._loop.time()
            self._full = self._loop.call_later(UNREAD_LIMIT, self._give_up_writing)

    def input_free(self) -> None:
        """It reads again."""
        if self._full is not None:
            self._full.cancel()
            self._full = None
            self._unread = 0
            self._send_next()

    def hold(self, held: bool) -> None:
        """Let requests wait, but for our own, while the conversation is begun anew; or go on."""
        self._held = held
        if not held:
            self._send_next()

    def send_again(self, request_id: int) -> bool:
        """Let a request wait that the server is known not to have taken; once for each."""
        pending = self._in_flight.get(b"%d" % request_id)
        if pending is None or pending.sent_again or pending.endless:
            return False
        del self._in_flight[b"%d" % request_id]
        pending.sent_again = True
        self._waiting.appendleft(pending)
        self._loop.call_soon(self._send_next)
        return True

    def awaits(self, request_id: int) -> bool:
        """Whether the request is in flight."""
        return b"%d" % request_id in self._in_flight

    def settle(self, request_id: int, outcome: Reply | Exception) -> None:
        """End a request whose way to the server failed; ended ones are left alone."""
        pending = self._in_flight.get(b"%d" % request_id)
        if pending is None:
            return
        if isinstance(outcome, Reply):
            self._answered(b"%d" % request_id, outcome)
            return
        self._forget(pending)
        pending.call.fail(outcome)
        self._send_next()

    def lose(self) -> None:
        """The connection is over: everyone still waiting learns it at once."""
        self._lost = True
        self.asks.lose()
        self._alarm.close()
        if self._full is not None:
            self._full.cancel()
        unanswered = [*self._in_flight.values(), *self._waiting]
        self._in_flight, self._waiting = {}, deque()
        for pending in unanswered:
            pending.settle()
            pending.call.fail(ConnectionLost("the server went away before it answered"))

    # --- inside -------------------------------------------------------------------------------

    def _send(self, pending: Pending) -> None:
        request_id = pending.call.upstream_id
        self._in_flight[b"%d" % request_id] = pending
        params = pending.params
        if b'"progressToken"' in params:
            params, pending.token = with_token(params, request_id)
        if LOG_LEVEL in params:
            pending.wants_log = True
        if not self._outlet.sends_again:
            pending.params = b""
        if not pending.endless:
            now = self._loop.time()
            if now != self._batch_at:
                self._batch, self._batch_at = [], now
            self._batch.append(pending)
        self._outlet.request(request_id, pending.method, params)

    def _may_send(self, limits: Limits) -> bool:
        if self._full is not None or self._held:
            return False
        return len(self._in_flight) - self._endless < limits.concurrency

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
        self._outlet.tell(message)

    def _give_up_writing(self) -> None:
        """Fail what waits, and the requests that stopped half-way."""
        why = f"because it has not read its input for {UNREAD_LIMIT:g} s"
        waiting, self._waiting = self._waiting, deque()
        stuck = [each for each in self._batch if self.awaits(each.call.upstream_id)]
        for pending in stuck:
            self._abandon(pending, "The request could not be sent.")
        for pending in (*waiting, *stuck):
            pending.settle()
            pending.call.fail(CallTimeout(f"no answer to {pending.method}, {why}"))

    def _answered(self, request_id: bytes, reply: Reply) -> None:
        pending = self._in_flight.pop(request_id, None)
        if pending is None:
            if request_id not in self._abandoned:
                self._violation("unknown_id", f"an answer to {request_id[:64]!r}, never asked")
            return
        pending.settle()
        self._endless -= pending.endless
        pending.call.finish(reply)
        if self._hangs:
            self._hangs = 0
            self._hung(0)
        self._send_next()

    def _forget(self, pending: Pending) -> None:
        """It is no longer in flight."""
        pending.settle()
        if self._in_flight.pop(b"%d" % pending.call.upstream_id, None) and pending.endless:
            self._endless -= 1

    def _notification(self, method: str, params: bytes, stream: int) -> None:
        if method == _PROGRESS:
            self._progress(params)
        elif method == _ACKNOWLEDGED and self.hello.stateless:
            return
        elif method == "notifications/cancelled" and not self.hello.stateless:
            self.asks.cancelled(params)
        elif method.endswith(_FOR_ALL):
            self._notified(method, without_subscription(params) if self.hello.stateless else params)
        elif stream:
            pending = self._in_flight.get(b"%d" % stream)
            if pending is not None and not pending.endless:
                pending.call.event(method, params)
        elif method == "notifications/message":
            owner = owner_of_log(self._in_flight.values(), self.hello.stateless, OURS)
            if owner is not None:
                owner.call.event(method, params)
            elif not self.hello.stateless:
                self._notified(method, params)
        else:
            self._notified(method, params)

    def _progress(self, params: bytes) -> None:
        token, rest = token_of(params)
        pending = self._in_flight.get(token)
        if pending is None or not pending.token:
            if token not in self._abandoned:
                self._violation("unknown_token", f"progress for {token[:64]!r}, never asked")
            return
        pending.heard = self._loop.time()
        rest["progressToken"] = msgspec.Raw(pending.token)
        pending.call.event(_PROGRESS, msgspec.json.encode(rest))

    def _requested(self, request_id: bytes, method: str, params: bytes, stream: int) -> None:
        if self.hello.stateless:
            # No server of this era asks on its own (2026-07-28, basic).
            self._violation("unexpected_request", f"a request {method[:64]!r}")
            return
        cause = self._in_flight.get(b"%d" % stream) if stream else None
        if cause is None or cause.call.caller == OURS:
            cause = cause_of(self._in_flight.values(), OURS)
        self.asks.asked(request_id, method, params, cause)

    def _refuse(self, kind: str, head: bytes, tail: bytes, why: str) -> None:
        """Count what cannot be read; if it was an answer, its asker gets an error."""
        self._violation(kind, f"{why}: {head[:200]!r}")
        request_id = answered_id(head, tail)
        if request_id in self._in_flight:
            told = f"The server's answer could not be read ({why})."
            error = envelope.error_object(Code.INTERNAL_ERROR, told)
            self._answered(request_id, Reply(error=error))

    def _give_up_late(self, now: float) -> float | None:
        """Give up what is due; the moment when the next will be."""
        for pending in (*self._in_flight.values(), *self._waiting):
            if pending.due <= now and not pending.endless:
                self._expire(pending)
        left = (*self._in_flight.values(), *self._waiting)
        return min((each.due for each in left if not each.endless), default=None)

    def _expire(self, pending: Pending) -> None:
        now = self._loop.time()
        pending.asks = tuple(ask for ask in pending.asks if ask.open)
        if pending.asks:
            pending.heard = now  # a person thinks, so the server waits
            if pending.due > now:
                return
        if pending in self._waiting:
            self._waiting.remove(pending)
            failure = f"no answer to {pending.method}: it had to wait {pending.timeout:g} s"
        else:
            self._abandon(pending, "The request timed out.")
            took = round(now - pending.asked, 1)
            failure = f"no answer to {pending.method} in {took:g} s and was told to stop"
            self._hangs += 1
            self._hung(self._hangs)
        pending.call.fail(CallTimeout(failure))

    def _abandon(self, pending: Pending, reason: str) -> None:
        self._forget(pending)
        self._abandoned.append(b"%d" % pending.call.upstream_id)
        if not self._outlet.abandon(pending.call.upstream_id):
            told = {"requestId": pending.call.upstream_id, "reason": reason[:REASON_LENGTH]}
            self.notify("notifications/cancelled", msgspec.json.encode(told))
        self._send_next()

"""Streamable HTTP: each message is a POST, whose answer is one message or a stream of them.

MCP 2025-03-26 to 2026-07-28, basic/transports#streamable-http.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from core.protocol import envelope
from core.protocol.calls import Reply
from core.upstream.event_stream import EventStream, EventTooLong
from core.upstream.http_channel import BODY_LIMIT, EXCERPT, REDIRECTS, Channel
from core.upstream.http_faults import disconnected, not_mcp
from core.upstream.http_pool import Exchange
from core.upstream.http_streams import Resumed
from core.upstream.http_wire import WireFailure

LINGER = 1.0  # seconds a server gets to end a stream after the answer for which it was
TELL_LIMIT = 30.0  # seconds it gets to take a notification or an answer of ours


class StreamableOutlet:
    """Implements ``core.upstream.pending.Outlet``."""

    sends_again = True

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._posts: dict[int, Post] = {}
        self._resumed: dict[int, Resumed] = {}

    @property
    def busy(self) -> bool:
        """Whether any request is out."""
        return bool(self._posts or self._resumed)

    def request(self, request_id: int, method: str, params: bytes) -> None:
        post = Post(self, envelope.request(request_id, method, params), method, params, request_id)
        self._posts[request_id] = post
        post.send()

    def tell(self, message: bytes) -> None:
        said = envelope.decode(message)
        method = said.method if isinstance(said.method, str) else ""
        Post(self, message, method, bytes(said.params), 0).send()

    def abandon(self, request_id: int) -> bool:
        """To close the stream cancels a request in one era, and says nothing in the other."""
        post = self._posts.pop(request_id, None)
        if post is not None:
            post.close()
        resumed = self._resumed.pop(request_id, None)
        if resumed is not None:
            resumed.close()
        return self.channel.session.hello.stateless

    def over(self, post: Post) -> None:
        """The exchange of a post is over; if it was not answered, nobody will."""
        request_id = post.request_id
        if self._posts.get(request_id) is not post:
            return
        del self._posts[request_id]
        if not request_id or not self.channel.session.awaits(request_id):
            return
        last_id = post.stream.last_id if post.stream is not None else b""
        if last_id and not self.channel.session.hello.stateless:
            resumed = Resumed(self.channel, request_id, post.stream, self._resumed)
            self._resumed[request_id] = resumed
            resumed.again()
            return
        failure = WireFailure("it ended its answer too early")
        self.channel.look.failed(disconnected(str(failure)), ends=False)
        self.settle(request_id, Reply(error=self.channel.unanswered(failure)))

    def forget(self, post: Post) -> None:
        """The message will be posted anew."""
        if self._posts.get(post.request_id) is post:
            del self._posts[post.request_id]

    def settle(self, request_id: int, reply: Reply) -> None:
        self._posts.pop(request_id, None)
        if request_id:
            self.channel.session.settle(request_id, reply)


class Post:
    """One message on its way, and what the server makes of it."""

    def __init__(
        self, outlet: StreamableOutlet, message: bytes, method: str, params: bytes, request_id: int
    ) -> None:
        self.request_id = request_id  # 0: no answer is waited for
        self.stream: EventStream | None = None
        self._outlet = outlet
        self._channel = outlet.channel
        self._message = message
        self._method = method
        self._params = params
        self._hops = 0
        self._session_id = b""
        self._proof = b""  # what it was sent with
        self._renewed = False
        self._closed = False
        self._exchange: Exchange | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status = 0
        self._headers: Mapping[bytes, bytes] = {}
        self._body = bytearray()

    def send(self) -> None:
        channel = self._channel
        self._session_id = channel.heads.session_id
        self._proof = channel.heads.proof.line
        hello = channel.session.hello
        head = channel.heads.post(
            channel.path, hello, self._method, self._params, len(self._message)
        )
        if not self.request_id and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TELL_LIMIT, self.close)
        self._exchange = channel.pool.send(head + self._message, self)

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._exchange is not None:
            self._exchange.close()

    # --- the answer -----------------------------------------------------------------------------

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        self._status, self._headers = status, headers
        self._channel.look.responded(status)
        if not 200 <= status < 300:
            return
        if self._method == "initialize":
            self._channel.heads.session_id = _session_id(headers.get(b"mcp-session-id", b""))
        if _kind(headers) == b"text/event-stream" and self.request_id:
            self.stream = EventStream()

    def body(self, data: bytes) -> None:
        if self.stream is None:
            whole = _kind(self._headers) == b"application/json"
            if whole and len(self._body) + len(data) > BODY_LIMIT:
                raise WireFailure(f"its answer is longer than {BODY_LIMIT >> 20} MiB")
            if whole or len(self._body) < EXCERPT:
                self._body += data
            return
        try:
            events = self.stream.feed(data)
        except EventTooLong:
            raise WireFailure(f"an event is longer than {BODY_LIMIT >> 20} MiB") from None
        for event in events:
            if event.data:
                self._channel.deliver(event.data, self.request_id)
        if events and self._timer is None and not self._channel.session.awaits(self.request_id):
            self._channel.look.worked()
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._finish)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if 200 <= self._status < 300:
            self._succeeded()
        else:
            self._refused(bytes(self._body))

    def failed(self, failure: WireFailure) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.stream is not None and self.stream.last_id:
            self._outlet.over(self)
            return
        if not failure.unsent:  # else the pool has told it, and better
            self._channel.look.failed(disconnected(str(failure)), ends=False)
        self._outlet.settle(self.request_id, Reply(error=self._channel.unanswered(failure)))

    def _finish(self) -> None:
        self.close()
        self._outlet.over(self)

    def _succeeded(self) -> None:
        if not self.request_id:
            self._channel.look.worked()
            return
        if self.stream is None:
            body = bytes(self._body)
            if _kind(self._headers) != b"application/json" or not body:
                said = f"HTTP {self._status}"
                fault = not_mcp(self._channel.route, said, self._headers, body)
                self._channel.look.failed(fault, ends=False)
                error = self._channel.unanswered(WireFailure(fault.message.rstrip(".")))
                self._outlet.settle(self.request_id, Reply(error=error))
                return
            self._channel.look.worked()
            self._channel.deliver(body, self.request_id)
        self._outlet.over(self)

    def _refused(self, body: bytes) -> None:
        channel = self._channel
        if self._status in REDIRECTS:
            fault = channel.moved(self._headers, self._hops)
            if fault is None:
                self._hops += 1
                self._body.clear()
                self.send()
                return
            error = channel.unanswered(WireFailure(fault.message.rstrip("."), unsent=True))
            self._outlet.settle(self.request_id, Reply(error=error))
            channel.look.failed(fault, ends=True)
            return
        if self._status == 401 and self._sent_again(body):
            return
        known = b"" if self._method == "initialize" else self._session_id
        if channel.lost(self._status, body, self.request_id, known):
            again = bool(self.request_id) and channel.session.send_again(self.request_id)
            if self._session_id == channel.heads.session_id:
                channel.look.session_lost()
            if again:
                self._outlet.forget(self)
                return
        reply, verdict = channel.refusal(self._status, self._headers, body)
        self._outlet.settle(self.request_id, reply)
        channel.look.failed(verdict.fault, verdict.ends)

    def _sent_again(self, body: bytes) -> bool:
        """Send it once more with what a renewal brings: whoever is not let in has run nothing."""
        if self._renewed:
            return False
        self._renewed = True
        renewal = self._channel.heads.proof.renew(self._proof)
        if renewal is None:
            return False

        def renewed(there: asyncio.Future[bool]) -> None:
            if self._closed:
                return
            if there.cancelled() or there.exception() is not None or not there.result():
                self._refused(body)
            else:
                self._body.clear()
                self.send()

        renewal.add_done_callback(renewed)
        return True


def _kind(headers: Mapping[bytes, bytes]) -> bytes:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _session_id(value: bytes) -> bytes:
    """Only visible ASCII is a session id (MCP 2025-11-25, basic/transports)."""
    return value if len(value) <= 1024 and all(0x21 <= c <= 0x7E for c in value) else b""

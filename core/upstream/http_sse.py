"""The transport of MCP 2024-11-05: one stream of events for everything the server says, and an
address, told on that stream, to which everything we say is posted (basic/transports#http-with-sse).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urljoin

from core.model.faults import Fault
from core.protocol import envelope
from core.protocol.calls import Reply
from core.upstream.event_stream import EventStream, EventTooLong
from core.upstream.http_channel import BODY_LIMIT, EXCERPT, REDIRECTS, Channel
from core.upstream.http_faults import disconnected, not_mcp, redirected, refused
from core.upstream.http_pool import Exchange
from core.upstream.http_wire import WireFailure

LATE = 30.0  # seconds the server gets to take a message


class SseOutlet:
    """Implements ``core.upstream.pending.Outlet``."""

    sends_again = False

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._posts: set[_Post] = set()
        self._stream = _Stream(channel)

    @property
    def busy(self) -> bool:
        """Whether any message is on its way."""
        return bool(self._posts)

    async def open(self) -> bool:
        """Ask for the stream; whether it was had. What was wrong is told to the onlooker."""
        self._stream.ask()
        return await self._stream.opened

    def request(self, request_id: int, method: str, params: bytes) -> None:
        self._post(envelope.request(request_id, method, params), request_id)

    def tell(self, message: bytes) -> None:
        self._post(message, 0)

    def abandon(self, request_id: int) -> bool:
        return False

    def close(self) -> None:
        """The connection is over."""
        for post in tuple(self._posts):
            post.close()
        self._stream.close()

    def _post(self, message: bytes, request_id: int) -> None:
        post = _Post(self.channel, request_id, self._posts)
        self._posts.add(post)
        post.send(message)


class _Post:
    """One message on its way; that it was taken is all that is said to it."""

    def __init__(self, channel: Channel, request_id: int, among: set[_Post]) -> None:
        self._channel = channel
        self._request_id = request_id
        self._among = among
        self._status = 0
        self._headers: Mapping[bytes, bytes] = {}
        self._body = bytearray()
        self._exchange: Exchange | None = None
        self._timer: asyncio.TimerHandle | None = None

    def send(self, message: bytes) -> None:
        channel = self._channel
        head = channel.heads.post(channel.path, channel.session.hello, "", b"", len(message))
        self._timer = asyncio.get_running_loop().call_later(LATE, self._late)
        self._exchange = channel.pool.send(head + message, self)

    def close(self) -> None:
        self._among.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._exchange is not None:
            self._exchange.close()

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        self._status, self._headers = status, headers
        self._channel.look.responded(status)

    def body(self, data: bytes) -> None:
        if len(self._body) < EXCERPT:
            self._body += data

    def end(self) -> None:
        self.close()
        if 200 <= self._status < 300:
            self._channel.look.worked()
            return
        reply, verdict = self._channel.refusal(self._status, self._headers, bytes(self._body))
        self._settle(reply)
        self._channel.look.failed(verdict.fault, verdict.ends)

    def failed(self, failure: WireFailure) -> None:
        self.close()
        if not failure.unsent:
            self._channel.look.failed(disconnected(str(failure)), ends=False)
        self._settle(Reply(error=self._channel.unanswered(failure)))

    def _late(self) -> None:
        self.close()
        self.failed(WireFailure(f"it did not take the message in {LATE:g} s"))

    def _settle(self, reply: Reply) -> None:
        if self._request_id:
            self._channel.session.settle(self._request_id, reply)


class _Stream:
    """The server's side of the conversation; its end is the conversation's."""

    def __init__(self, channel: Channel) -> None:
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._channel = channel
        self._events = EventStream()
        self._exchange: Exchange | None = None
        self._status = 0
        self._headers: Mapping[bytes, bytes] = {}
        self._body = bytearray()
        self._streams = False
        self._hops = 0

    def ask(self) -> None:
        channel = self._channel
        request = channel.heads.get(channel.path, channel.session.hello, b"")
        self._exchange = channel.pool.send(request, self)

    def close(self) -> None:
        if self._exchange is not None:
            self._exchange.close()

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        self._status, self._headers = status, headers
        self._channel.look.responded(status)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        self._streams = status == 200 and kind == b"text/event-stream"

    def body(self, data: bytes) -> None:
        if not self._streams:
            if len(self._body) < EXCERPT:
                self._body += data
            return
        try:
            events = self._events.feed(data)
        except EventTooLong:
            raise WireFailure(f"an event is longer than {BODY_LIMIT >> 20} MiB") from None
        for event in events:
            if event.name == "endpoint":
                self._told(event.data.decode(errors="replace"))
            elif event.data and self.opened.done():
                self._channel.deliver(event.data, 0)

    def end(self) -> None:
        if self._streams:
            self._over(disconnected("the server ended its stream of events"))
            return
        channel = self._channel
        body = bytes(self._body)
        if self._status in REDIRECTS:
            fault = channel.moved(self._headers, self._hops)
            if fault is None:
                self._hops += 1
                self._body.clear()
                self.ask()
                return
            self._over(fault)
        elif 200 <= self._status < 300:
            self._over(not_mcp(channel.route, f"HTTP {self._status}", self._headers, body))
        else:
            self._over(refused(channel.route, self._status, self._headers, body).fault)

    def failed(self, failure: WireFailure) -> None:
        if failure.unsent:
            self._opened(False)
        else:
            self._over(disconnected(str(failure)))

    def _told(self, endpoint: str) -> None:
        """The address for our messages, which has to be of the same origin."""
        channel = self._channel
        path = channel.route.path_of(urljoin(channel.route.origin + channel.path, endpoint))
        if path is None:
            self.close()
            self._over(redirected(channel.route, endpoint, "which is another place"))
        elif not self.opened.done():
            channel.path = path
            self._opened(True)

    def _over(self, fault: Fault) -> None:
        self._channel.look.failed(fault, ends=True)
        self._opened(False)

    def _opened(self, well: bool) -> None:
        if not self.opened.done():
            self.opened.set_result(well)

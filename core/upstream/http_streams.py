"""Streams that we ask a server for: what it tells of itself, and the rest of a broken answer.

MCP 2025-11-25, basic/transports#listening-for-messages-from-the-server and #resumability.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping

from core.protocol.calls import Reply
from core.upstream.event_stream import EventStream, EventTooLong
from core.upstream.http_channel import BODY_LIMIT, Channel
from core.upstream.http_faults import disconnected
from core.upstream.http_pool import Exchange
from core.upstream.http_wire import WireFailure

PAUSE = 1.0  # seconds before a stream is asked for again, unless the server says otherwise
MOST_FAILURES = 3  # in a row


class _Asked(ABC):
    """A GET for a stream of events, asked for anew whenever it ends."""

    def __init__(self, channel: Channel, request_id: int, stream: EventStream) -> None:
        self._channel = channel
        self._proof = b""  # what it was asked with
        self._request_id = request_id
        self._stream = stream
        self._exchange: Exchange | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._status = 0
        self._streams = False

    def again(self) -> None:
        """Ask for it after a while, longer after each failure."""
        pause = self._stream.retry if self._stream.retry is not None else PAUSE
        delay = pause * 2.0 ** max(self._failures - 1, 0)
        self._timer = asyncio.get_running_loop().call_later(delay, self.ask)

    def ask(self) -> None:
        """Ask for it now."""
        channel = self._channel
        self._proof = channel.heads.proof.line
        request = channel.heads.get(channel.path, channel.session.hello, self._stream.last_id)
        self._streams = False
        self._exchange = channel.pool.send(request, self)

    def close(self) -> None:
        """It is not wanted any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._exchange is not None:
            self._exchange.close()

    # --- the answer -----------------------------------------------------------------------------

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        self._status = status
        self._channel.look.responded(status)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        self._streams = status == 200 and kind == b"text/event-stream"
        if self._streams:
            # What was left of an event that broke will be sent again whole.
            known, self._stream = self._stream, EventStream()
            self._stream.last_id, self._stream.retry = known.last_id, known.retry
        else:  # what it says instead is of no interest
            self.close()
            self._not_offered()

    def body(self, data: bytes) -> None:
        if not self._streams:
            return
        try:
            events = self._stream.feed(data)
        except EventTooLong:
            raise WireFailure(f"an event is longer than {BODY_LIMIT >> 20} MiB") from None
        for event in events:
            self._failures = 0
            if event.data:
                self._channel.deliver(event.data, self._request_id)

    def end(self) -> None:
        if self._streams:
            self._over(WireFailure("the stream ended"))

    def failed(self, failure: WireFailure) -> None:
        if self._streams or not self._status:
            self._over(failure)

    @abstractmethod
    def _over(self, failure: WireFailure) -> None:
        """The stream has ended, or could not be had."""

    @abstractmethod
    def _not_offered(self) -> None:
        """The server has no such stream."""


class Resumed(_Asked):
    """The rest of the answer to one request; ``among`` holds it while it is needed."""

    def __init__(
        self,
        channel: Channel,
        request_id: int,
        stream: EventStream | None,
        among: dict[int, Resumed],
    ) -> None:
        super().__init__(channel, request_id, stream or EventStream())
        self._among = among

    def body(self, data: bytes) -> None:
        super().body(data)
        if not self._channel.session.awaits(self._request_id):
            self.close()
            self._among.pop(self._request_id, None)
            self._channel.look.worked()

    def _over(self, failure: WireFailure) -> None:
        if not self._channel.session.awaits(self._request_id):
            self._among.pop(self._request_id, None)
            return
        self._failures += 1
        if self._failures <= MOST_FAILURES:
            self.again()
        else:
            self._lost(failure)

    def _not_offered(self) -> None:
        self._lost(WireFailure(f"the rest of its answer was refused (HTTP {self._status})"))

    def _lost(self, failure: WireFailure) -> None:
        self._among.pop(self._request_id, None)
        self._channel.look.failed(disconnected(str(failure)), ends=False)
        reply = Reply(error=self._channel.unanswered(failure))
        self._channel.session.settle(self._request_id, reply)


class Standing(_Asked):
    """What a stateful server tells beside its answers; its end is the first sign that it is gone.

    A server that offers no such stream is not asked again.
    """

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, 0, EventStream())

    def _over(self, failure: WireFailure) -> None:
        self._failures += 1
        if self._failures <= MOST_FAILURES:
            self.again()
        else:
            self._channel.look.failed(disconnected(str(failure)), ends=True)

    def _not_offered(self) -> None:
        if self._status == 401 and self._channel.heads.proof.renew(self._proof) is not None:
            self._over(WireFailure("who asks has to be proved anew"))
        elif self._status == 404 and self._channel.heads.session_id:
            self._channel.look.session_lost()
        elif self._status >= 500 or self._status == 429:
            self._over(WireFailure(f"it answered HTTP {self._status}"))

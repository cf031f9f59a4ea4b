"""The one stream on which a stateless server tells what changed (2026-07-28, subscriptions)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from core.protocol.calls import Call, ConnectionLost, Reply
from core.upstream.multiplexer import OURS, Multiplexer
from core.upstream.stateless import LISTEN, Stamp

PAUSE = 1.0  # seconds before a stream that ended is asked for again
LONGEST_PAUSE = 60.0

_LISTS = {
    "tools": "toolsListChanged",
    "prompts": "promptsListChanged",
    "resources": "resourcesListChanged",
}


class Stream(Call):
    """A request that stays open; ``ended`` is told when it is over."""

    __slots__ = ("_ended",)

    def __init__(self, ended: Callable[[Stream], None]) -> None:
        super().__init__(OURS)
        self._ended = ended

    def finish(self, reply: Reply) -> None:
        super().finish(reply)
        self._ended(self)

    def fail(self, failure: Exception) -> None:
        super().fail(failure)
        self._ended(self)


class Listening:
    """Keeps it open, and opens it anew with every change of what is subscribed to.

    The new stream is asked for before the old one is closed, so that nothing is missed.
    """

    def __init__(
        self, session: Multiplexer, stamp: Stamp, violation: Callable[[str, str], None]
    ) -> None:
        self._session = session
        self._stamp = stamp
        self._violation = violation
        self._stream: Stream | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pause = PAUSE
        self._began = False

    def begin(self) -> None:
        """Listen from now on, if the server is of the era, and tells of anything."""
        self._began = True
        self._session.subscriptions_changed = self._changed
        if self._session.hello.stateless:
            self._open()

    def _changed(self) -> None:
        """What is subscribed to is something else now."""
        if self._began and self._session.hello.stateless:
            self._pause = PAUSE
            self._open()

    def _open(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        old, self._stream = self._stream, None
        promised = self._session.hello.promises_list_changed
        wanted: dict[str, object] = {
            member: True for name, member in _LISTS.items() if name in promised
        }
        if self._session.subscribed:
            wanted["resourceSubscriptions"] = sorted(self._session.subscribed)
        if wanted:
            members = b'"notifications":%b' % msgspec.json.encode(wanted)
            stream = Stream(self._ended)
            self._stream = stream
            try:
                self._session.stream(LISTEN, self._stamp.params(members), stream)
            except ConnectionLost:
                return
        if old is not None:
            self._session.cancel(old, "replaced by another")

    def _ended(self, stream: Stream) -> None:
        if stream is not self._stream:
            return
        self._stream = None
        if isinstance(stream.failure, ConnectionLost):
            return
        if stream.reply is not None and stream.reply.error is not None:
            said = bytes(stream.reply.error)[:200]
            self._violation("not_listening", f"{LISTEN} was refused: {said!r}")
            return
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._open)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def close(self) -> None:
        """The connection is over."""
        self._stream = None
        if self._timer is not None:
            self._timer.cancel()

"""A request that waits for its turn or for its answer, and whose progress token it carries."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import msgspec

from core.protocol import envelope
from core.protocol.calls import Ask, Call, Reply, TooBusy
from core.protocol.codes import Code

Write = Callable[[bytes], None]

WAITING_LIMIT = 256  # requests kept for one server beyond those in flight
WAITING_BYTES = 16 * 1024 * 1024  # with so much in them no further ones are kept
LONGEST_CALL = 900.0  # seconds, however much progress a server reports
LOG_LEVEL = b"io.modelcontextprotocol/logLevel"  # opts a stateless request in to log messages
SUBSCRIPTION = b"io.modelcontextprotocol/subscriptionId"

_OVER = envelope.error_object(Code.INTERNAL_ERROR, "The call that asked this is over.")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests in flight at the same time, and seconds each gets after it was last heard of."""

    concurrency: int
    timeout: float


class Outlet(Protocol):
    """The way to one server. Nothing here blocks or raises.

    ``sends_again``: a request may have to be sent once more, so what it says is kept.
    """

    sends_again: bool

    def request(self, request_id: int, method: str, params: bytes) -> None:
        """Send a request."""

    def tell(self, message: bytes) -> None:
        """Send a notification, or an answer to a request of the server's own."""

    def abandon(self, request_id: int) -> bool:
        """Nobody waits for an answer any more; whether the server learns it by that."""


class Lines:
    """The outlet of stdio: one message a line (MCP 2025-11-25, basic/transports#stdio)."""

    sends_again = False

    def __init__(self, write: Write) -> None:
        self._write = write

    def request(self, request_id: int, method: str, params: bytes) -> None:
        self._write(envelope.request(request_id, method, params) + b"\n")

    def tell(self, message: bytes) -> None:
        self._write(message + b"\n")

    def abandon(self, request_id: int) -> bool:
        return False


class Pending:
    """A request waiting for its turn or for its answer."""

    __slots__ = (
        "asked",
        "asks",
        "call",
        "endless",
        "heard",
        "method",
        "params",
        "sent_again",
        "timeout",
        "token",
        "wants_log",
    )

    def __init__(self, call: Call, method: str, params: bytes, timeout: float, now: float) -> None:
        self.call = call
        self.method = method
        self.params = params
        self.timeout = timeout  # seconds of silence
        self.asked = self.heard = now
        self.token = b""  # the asker's progress token, as JSON
        self.asks: tuple[Ask, ...] = ()  # of the server's, which this request caused
        self.endless = False  # a stream of notifications: no answer is waited for
        self.wants_log = False
        self.sent_again = False

    @property
    def due(self) -> float:
        """When it is given up: after some silence, or after all a call may take."""
        longest = max(LONGEST_CALL, self.timeout)
        return min(self.heard + self.timeout, self.asked + longest)

    def settle(self) -> None:
        """It is over; questions that nobody needs answered any more are answered so."""
        if self.asks:
            asks, self.asks = self.asks, ()
            for ask in asks:
                ask.answer(Reply(error=_OVER))
                ask.withdraw()


def check_room(waiting: Collection[Pending]) -> None:
    """Raises TooBusy when no further request may wait."""
    if len(waiting) >= WAITING_LIMIT:
        raise TooBusy(f"{WAITING_LIMIT} requests already wait for this server")
    if sum(len(pending.params) for pending in waiting) >= WAITING_BYTES:
        raise TooBusy(f"{WAITING_BYTES >> 20} MiB of requests already wait for this server")


def with_token(params: bytes, token: int) -> tuple[bytes, bytes]:
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


def token_of(params: bytes) -> tuple[bytes, dict[str, msgspec.Raw]]:
    """The progress token of a notification, and all its members."""
    try:
        members = _members.decode(params)
    except msgspec.DecodeError:
        return b"", {}
    return bytes(members.get("progressToken", b"")), members


def without_subscription(params: bytes) -> bytes:
    """The params without the id of the stream they came on (2026-07-28, subscriptions)."""
    if SUBSCRIPTION not in params:
        return params
    try:
        members = _members.decode(params)
        meta = _members.decode(members.get("_meta", msgspec.Raw(b"{}")))
    except msgspec.DecodeError:
        return params
    meta.pop(SUBSCRIPTION.decode(), None)
    members.pop("_meta", None)
    if meta:
        members["_meta"] = msgspec.Raw(msgspec.json.encode(meta))
    return msgspec.json.encode(members) if members else b""

"""A live conversation with an MCP server as the data plane uses it: requests in flight.

Payloads are JSON bytes throughout and are never re-modelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import msgspec

from core.protocol.codes import STATELESS_VERSIONS

EVENTS_KEPT = 1024  # of one request whose client does not take them

Notify = Callable[[str, bytes], None]
"""Receives the method and params of a notification."""


class _Resources(msgspec.Struct, frozen=True):
    subscribe: bool = False


class _Capabilities(msgspec.Struct):
    resources: _Resources = _Resources()


@dataclass(frozen=True, slots=True)
class Hello:
    """What a server said of itself in the hand-shake, as JSON bytes (empty: not said)."""

    protocol_version: str
    capabilities: bytes = b"{}"
    server_info: bytes = b"{}"
    instructions: bytes = b""
    declares: frozenset[str] = frozenset()  # names of the capabilities it declared
    promises_list_changed: frozenset[str] = frozenset()  # of these
    rest: bytes = b""  # an object of what it said beside all this
    stateless: bool = field(init=False)  # it is spoken to in the era without sessions

    @property
    def subscribable(self) -> bool:
        """Whether changes to a single resource are told to those who ask."""
        try:
            resources = msgspec.json.decode(self.capabilities, type=_Capabilities).resources
        except msgspec.DecodeError:
            return False
        return resources.subscribe

    def __post_init__(self) -> None:
        # Kept because every call asks for it
        object.__setattr__(self, "stateless", self.protocol_version in STATELESS_VERSIONS)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything the server listed; each entry is its JSON as received."""

    tools: tuple[bytes, ...] = ()
    prompts: tuple[bytes, ...] = ()
    resources: tuple[bytes, ...] = ()
    resource_templates: tuple[bytes, ...] = ()
    tool_names: frozenset[str] = frozenset()
    truncated: frozenset[str] = frozenset()  # which of the lists were cut, by field


class ConnectionLost(Exception):
    """The server went away while a request was in flight: it may or may not have run."""


class CallTimeout(Exception):
    """The server did not answer a request in time; ``str()`` goes on after "gave"."""


class Cancelled(Exception):
    """Nobody wants the answer any more, and nobody gets one (MCP basic/utilities/cancellation)."""


class TooBusy(Exception):
    """The server has as many requests waiting as we keep for one; nothing was sent."""


@dataclass(slots=True)
class Reply:
    """The one answer to a request: exactly one of the two is set, as JSON bytes."""

    result: bytes | memoryview | None = None
    error: bytes | memoryview | None = None


class Ask:
    """A request of a stateful server's own (sampling, elicitation, roots) to one client.

    Answered exactly once; what comes later is ignored.
    """

    __slots__ = ("_answered", "method", "params", "withdrawn")

    def __init__(self, method: str, params: bytes, answered: Callable[[Reply], None]) -> None:
        self.method = method
        self.params = params
        self.withdrawn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answered: Callable[[Reply], None] | None = answered

    @property
    def open(self) -> bool:
        """Whether an answer is still waited for."""
        return self._answered is not None and not self.withdrawn.done()

    def answer(self, reply: Reply) -> None:
        """Send what the client said, or why nobody can say anything."""
        answered, self._answered = self._answered, None
        if answered is not None and not self.withdrawn.done():
            answered(reply)

    def withdraw(self) -> None:
        """The server, or its end, takes the question back."""
        if not self.withdrawn.done():
            self.withdrawn.set_result(None)


class Call:
    """One request in flight to a server.

    The waiter is woken by each thing that arrives: events (progress and other notifications
    that belong to this request), asks (requests of the server's that this request caused) and
    finally the reply. Used by one task at a time.
    """

    __slots__ = (
        "_told",
        "_waiter",
        "answered_at",
        "asks",
        "caller",
        "events",
        "failure",
        "reply",
        "upstream_id",
    )

    def __init__(self, caller: str = "") -> None:
        self.caller = caller  # whose request it is, so that the server's own reach nobody else
        self.upstream_id = 0
        self.events: list[tuple[str, bytes]] = []  # (method, params), oldest first
        self.asks: list[Ask] = []  # taken out by the waiter, oldest first
        self.reply: Reply | None = None
        self.answered_at = 0.0  # time.perf_counter() when the reply came
        self.failure: Exception | None = None  # why there will be none
        self._waiter: asyncio.Future[None] | None = None
        self._told: Callable[[], object] | None = None

    @property
    def done(self) -> bool:
        return self.reply is not None or self.failure is not None

    def event(self, method: str, params: bytes) -> None:
        """Deliver a notification that belongs to this request; of too many the oldest go."""
        if not self.done:
            if len(self.events) >= EVENTS_KEPT:
                del self.events[0]
            self.events.append((method, params))
            self._wake()

    def ask(self, ask: Ask) -> None:
        """Deliver a request of the server's that this request caused."""
        if not self.done:
            self.asks.append(ask)
            self._wake()

    def finish(self, reply: Reply) -> None:
        """Deliver the answer; later deliveries are ignored."""
        if not self.done:
            self.reply = reply
            self.answered_at = perf_counter()
            self._wake()

    def fail(self, failure: Exception) -> None:
        """End the request without an answer; later deliveries are ignored."""
        if not self.done:
            self.failure = failure
            self._wake()

    def when_stirred(self, tell: Callable[[], object]) -> None:
        """Have the loop call ``tell`` once, when there is something to take for the first time."""
        if self.events or self.asks or self.done:
            asyncio.get_running_loop().call_soon(tell)
        else:
            self._told = tell

    def _wake(self) -> None:
        tell = self._told
        if tell is not None:
            # By the loop, so that a bug in answering one asker stays out of the server's pipe.
            self._told = None
            asyncio.get_running_loop().call_soon(tell)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def arrival(self) -> Reply | None:
        """Wait for something new: the reply, or None when there are ``events`` or ``asks`` first.

        Raises ConnectionLost or CallTimeout when the request ended without an answer.
        """
        if not self.events and not self.asks and not self.done:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.events or self.asks:
            return None
        if self.failure is not None:
            raise self.failure
        return self.reply


class Session(Protocol):
    """A hand-shaken conversation with one MCP server."""

    @property
    def hello(self) -> Hello: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def in_flight(self) -> int:
        """Requests the server has and did not answer yet."""

    @property
    def waiting(self) -> int:
        """Requests kept here until the server may have them."""

    @property
    def questions_open(self) -> int:
        """Questions of the server's that wait for an answer now."""

    @property
    def asks_clients(self) -> bool:
        """Whether it ever asked what could have been meant for several."""

    @property
    def uses_roots(self) -> bool:
        """Whether it ever asked for roots, which differ from client to client."""

    def start(self, method: str, params: bytes, caller: str = "") -> Call:
        """Send a request; ``params`` is JSON or empty, complete as the server's era wants it.

        ``caller`` tells whose request it is. Never blocks.

        Raises ConnectionLost when the connection is closing, TooBusy when the server has its
        full share of requests waiting.
        """

    def cancel(self, call: Call, reason: str) -> None:
        """Tell the server that nobody waits for the answer any more."""

    def notify(self, method: str, params: bytes) -> None:
        """Send a notification."""

    def listen(self, notify: Notify) -> Callable[[], None]:
        """Receive notifications that belong to no request; returns the way to stop."""

    def subscribe(self, uri: str) -> None:
        """Have the server tell of changes to a resource; nobody waits for its answer."""

    def unsubscribe(self, uri: str) -> None:
        """Have it stop."""


def start_alone(session: Session, method: str, params: bytes, caller: str = "") -> None:
    """Send a request whose answer nobody waits for, if it can be sent."""
    with contextlib.suppress(ConnectionLost, TooBusy):
        session.start(method, params, caller)

"""What a part of the endpoint offers to the clients that connect to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from core.gateway.clients import Client
from core.protocol.calls import Ask, Call, Cancelled, Hello, Reply, Session

LONGEST_NAME = 128  # characters

LISTS_CHANGED = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
}
"""How a change is told, by the capability that promises it."""

UPDATED = "notifications/resources/updated"

Ended = Callable[[Call], str]


class Shape(Protocol):
    """What makes of a server's reply what its client gets."""

    def at_once(self, reply: Reply) -> Reply | None:
        """The shaped reply, or None if that has to be waited for."""

    async def __call__(self, reply: Reply) -> Reply: ...


class Running:
    """A request that a server of the client's own era is working on.

    ``ended`` is called once, when the call is over; it returns its outcome, one of
    ``core.gateway.record.OUTCOMES``.
    """

    __slots__ = ("asked", "call", "ended", "sent_at", "server", "session", "shape")

    def __init__(
        self,
        session: Session,
        call: Call,
        server: str,
        asked: str,  # the tool, or the method if it is no tool call
        ended: Ended,
        sent_at: float,  # time.perf_counter()
    ) -> None:
        self.session = session
        self.call = call
        self.server = server
        self.asked = asked
        self.ended = ended
        self.sent_at = sent_at
        self.shape: Shape | None = None

    @property
    def what(self) -> str:
        """The beginning of a sentence for a person; clients may name anything."""
        return f"{self.asked[:LONGEST_NAME]!r} of the server {self.server!r}"

    def arrived(self) -> Reply | None:
        """The reply, if it is here and nothing has to be done beside handing it on."""
        return None if self.call.events or self.call.asks else self.call.reply

    def arrival(self) -> Awaitable[Reply | None]:
        """As ``Call.arrival``; what came before the reply is in ``events`` and ``asks``."""
        return self.call.arrival()

    def events(self) -> list[tuple[str, bytes]]:
        """Take the notifications that belong to this request, oldest first."""
        events, self.call.events = self.call.events, []
        return events

    def asks(self) -> list[Ask]:
        """Take what the server asks of the client."""
        asks, self.call.asks = self.call.asks, []
        return asks

    def cancel(self, reason: str) -> None:
        """Nobody wants the answer any more."""
        self.session.cancel(self.call, reason)
        self.call.fail(Cancelled())


class Surface(Protocol):
    """One part of the endpoint.

    Results are those of a server with a session; whoever answers the client adds what the
    client's era demands.
    """

    @property
    def key(self) -> str:
        """Its own name among all surfaces; sessions belong to one surface."""

    async def introduce(self) -> Hello:
        """What it is, for ``initialize`` and ``server/discover``. Raises Refusal.

        ``protocol_version`` is the newest it would speak; what it promises it tells to
        everyone in ``Clients.of(key)``.
        """

    async def begin(self, client: Client, method: str, params: bytes) -> bytes | Running:
        """Take a request: its result at once, or running. Raises Refusal, ConnectionLost."""

    def at_once(self, client: Client, params: bytes) -> bytes | Running | None:
        """As ``begin`` for ``tools/call``; None, and nothing was done, if it has to wait first.

        Raises Refusal.
        """

    def notice(self, client: Client, method: str, params: bytes) -> None:
        """Take a notification of the client's."""

    def subscribe(self, client: Client, uri: str) -> None:
        """Tell the client of changes to a resource until it is closed."""

    def input_schema(self, tool: str) -> object | None:
        """The input schema of a tool that wants arguments repeated in HTTP headers, or None."""

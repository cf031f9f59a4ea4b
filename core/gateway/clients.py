"""The AI clients: sessions, and those of the era that has none.

MCP 2025-11-25, basic/transports#session-management; MCP 2026-07-28, basic.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import OrderedDict
from collections.abc import Callable

from core.protocol import envelope
from core.protocol.calls import Ask
from core.protocol.codes import STATELESS_VERSIONS
from core.protocol.meta import Object, Terms, members_of
from core.protocol.severity import reaches

SESSIONS_KEPT = 10_000  # beyond, the session unused for longest is forgotten
CHANGES = ("/list_changed", "/updated")  # how notifications end that say no more than that
MESSAGES_KEPT = 256  # per client that does not read its stream; beyond, the oldest is lost
LOG = "notifications/message"

_visits = itertools.count(1)


class Client:
    """Whoever asks: a session, or one request of a client that has none.

    Holds what was asked and has no answer yet, and what waits to be told. Sessions whose client
    is gone for good are many, so an idle one is kept small.
    """

    __slots__ = (
        *("id", "surface", "protocol_version", "stateless", "declared", "info", "log_level"),
        *("calls", "asked", "visits", "closed", "streams", "batches", "_outbox", "_filled"),
    )

    def __init__(
        self,
        surface: str,
        protocol_version: str,
        *,
        declared: bytes = b"{}",
        info: bytes = b"",
        name: str | None = None,
    ) -> None:
        self.id = secrets.token_urlsafe(24) if name is None else name
        self.surface = surface
        self.protocol_version = protocol_version
        self.stateless = protocol_version in STATELESS_VERSIONS
        self.declared = declared  # its capabilities, as JSON
        self.info = info  # what it says of itself, as JSON
        self.log_level = ""  # the least severe messages it wants; empty: it did not say
        self.calls: dict[bytes, Callable[[str], None]] = {}  # how to cancel, by its own id
        self.asked: dict[bytes, Ask] = {}  # what servers asked it, by our id, as JSON
        self.visits: tuple[str, ...] = ()  # ids of URLs it was asked to visit, the last ones
        self.closed = False
        self.streams = 0  # open ones, on which it hears what belongs to no request
        self.batches = 0  # it waits for, and cannot be asked anything until they are whole
        self._outbox: list[bytes] = []
        self._filled: asyncio.Event | None = None  # made by the first who waits

    @property
    def capabilities(self) -> Object:
        """What it declared, by name."""
        return members_of(self.declared)

    def hears(self, method: str, params: bytes) -> bool:
        """Whether a notification of a server's is for it; a log may be less than it wants."""
        if method != LOG:
            return True
        if self.log_level:
            return reaches(params, self.log_level)
        return not self.stateless  # there a client that wants a log says so

    def tell(self, method: str, params: bytes) -> None:
        """Send a notification that belongs to no request, on the stream it listens to.

        That something has changed is not told twice as long as it waits to be told.
        """
        if not self.hears(method, params):
            return
        message = envelope.notification(method, params)
        if method.endswith(CHANGES) and message in self._outbox:
            return
        self.put(message)

    def put(self, message: bytes) -> None:
        """Send a whole message on the stream it listens to."""
        if len(self._outbox) == MESSAGES_KEPT:
            del self._outbox[0]
        self._outbox.append(message)
        self._wake()

    def close(self) -> None:
        self.closed = True
        self._wake()

    async def told(self, timeout: float) -> list[bytes]:
        """Messages to send now; empty after ``timeout`` seconds of silence, or when closed."""
        if not self._outbox and not self.closed:
            self._filled = self._filled or asyncio.Event()
            self._filled.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._filled.wait()
            except TimeoutError:
                return []
        messages, self._outbox = self._outbox, []
        return messages

    def _wake(self) -> None:
        if self._filled is not None:
            self._filled.set()


def visitor(surface: str, terms: Terms) -> Client:
    """A client that is known for one request only; nothing is ever told it afterwards."""
    client = Client(
        surface,
        terms.version,
        declared=terms.capabilities,
        info=terms.client_info,
        name=f"visit-{next(_visits)}",
    )
    client.log_level = terms.log_level
    return client


class Clients:
    """All sessions, by id; the least recently used goes first when there are too many."""

    def __init__(self, left: Callable[[Client], None] = lambda _: None) -> None:
        self._by_id: OrderedDict[str, Client] = OrderedDict()
        self._by_surface: dict[str, dict[str, Client]] = {}
        self._left = left  # told of each that is closed

    def open(
        self,
        surface: str,
        protocol_version: str,
        *,
        declared: bytes = b"{}",
        info: bytes = b"",
    ) -> Client:
        client = Client(surface, protocol_version, declared=declared, info=info)
        self.add(client)
        return client

    def add(self, client: Client) -> None:
        """Remember it until it is closed."""
        self._by_id[client.id] = client
        self._by_surface.setdefault(client.surface, {})[client.id] = client
        if len(self._by_id) > SESSIONS_KEPT:
            self.close(next(iter(self._by_id.values())))

    def find(self, session_id: str, surface: str) -> Client | None:
        """The session, if it exists and belongs to that part of the endpoint."""
        client = self._by_id.get(session_id)
        if client is None or client.surface != surface:
            return None
        self._by_id.move_to_end(session_id)
        return client

    def close(self, client: Client) -> None:
        """The session is over: what it asked is cancelled, what it was asked has no answer."""
        self._by_id.pop(client.id, None)
        neighbours = self._by_surface.get(client.surface, {})
        neighbours.pop(client.id, None)
        if not neighbours:
            self._by_surface.pop(client.surface, None)
        if not client.closed:
            client.close()
            self._left(client)

    def close_all(self) -> None:
        for client in list(self._by_id.values()):
            self.close(client)

    def of(self, surface: str) -> list[Client]:
        """Everyone connected to that part of the endpoint."""
        return list(self._by_surface.get(surface, {}).values())

"""The AI clients' sessions (MCP 2025-11-25, basic/transports#session-management)."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict

from core.protocol import envelope
from core.protocol.calls import Call, Session

SESSIONS_KEPT = 10_000  # beyond, the session unused for longest is forgotten
CHANGES = ("/list_changed", "/updated")  # how notifications end that say no more than that
MESSAGES_KEPT = 256  # per client that does not read its stream; beyond, the oldest is lost


class Client:
    """One client's session: what it asked and has no answer to yet, what waits to be told.

    Sessions whose client is gone for good are many, so an idle one is kept small.
    """

    __slots__ = (
        *("id", "surface", "protocol_version", "calls", "subscriptions", "closed"),
        *("_outbox", "_filled"),
    )

    def __init__(self, surface: str, protocol_version: str) -> None:
        self.id = secrets.token_urlsafe(24)
        self.surface = surface
        self.protocol_version = protocol_version
        self.calls: dict[bytes, tuple[Session, Call]] = {}  # by the client's own id, as JSON
        self.subscriptions: dict[str, None] = {}  # resource URIs
        self.closed = False
        self._outbox: list[bytes] = []
        self._filled: asyncio.Event | None = None  # made by the first who waits

    def tell(self, method: str, params: bytes) -> None:
        """Send a notification that belongs to no request, on the stream it listens to.

        That something has changed is not told twice as long as it waits to be told.
        """
        message = envelope.notification(method, params)
        if method.endswith(CHANGES) and message in self._outbox:
            return
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


class Clients:
    """All sessions, by id; the least recently used goes first when there are too many."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Client] = OrderedDict()
        self._by_surface: dict[str, dict[str, Client]] = {}

    def open(self, surface: str, protocol_version: str) -> Client:
        client = Client(surface, protocol_version)
        self._by_id[client.id] = client
        self._by_surface.setdefault(surface, {})[client.id] = client
        if len(self._by_id) > SESSIONS_KEPT:
            self.close(next(iter(self._by_id.values())))
        return client

    def find(self, session_id: str, surface: str) -> Client | None:
        """The session, if it exists and belongs to that part of the endpoint."""
        client = self._by_id.get(session_id)
        if client is None or client.surface != surface:
            return None
        self._by_id.move_to_end(session_id)
        return client

    def close(self, client: Client) -> None:
        self._by_id.pop(client.id, None)
        neighbours = self._by_surface.get(client.surface, {})
        neighbours.pop(client.id, None)
        if not neighbours:
            self._by_surface.pop(client.surface, None)
        client.close()

    def close_all(self) -> None:
        for client in list(self._by_id.values()):
            self.close(client)

    def of(self, surface: str) -> list[Client]:
        """Everyone connected to that part of the endpoint."""
        return list(self._by_surface.get(surface, {}).values())

"""Who follows which resource of which server, so that a server is asked once for all.

A subscription belongs to a connection, so that a server's next connection is asked again.
"""

from __future__ import annotations

from collections.abc import Callable

from core.gateway.clients import Client
from core.protocol.calls import Session

Live = Callable[[str], Session | None]


class Interests:
    """Counts by server and URI; ``live`` gives a server's present conversation."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._followers: dict[str, dict[str, set[Client]]] = {}  # server, URI
        self._followed: dict[Client, set[tuple[str, str]]] = {}

    def add(self, client: Client, server: str, uri: str, *, ask: bool = True) -> None:
        """``ask``: unless the client's own request already asks the server."""
        followers = self._followers.setdefault(server, {}).setdefault(uri, set())
        if not followers and ask:
            session = self._live(server)
            if session is not None:
                session.subscribe(uri)
        followers.add(client)
        self._followed.setdefault(client, set()).add((server, uri))

    def remove(self, client: Client, server: str, uri: str) -> bool:
        """Whether nobody follows it any more, so that the server has to be told."""
        followed = self._followed.get(client, set())
        if (server, uri) not in followed:
            return False
        followed.discard((server, uri))
        if not followed:
            del self._followed[client]
        by_uri = self._followers[server]
        by_uri[uri].discard(client)
        if by_uri[uri]:
            return False
        del by_uri[uri]
        if not by_uri:
            del self._followers[server]
        return True

    def left(self, client: Client) -> None:
        """The client is gone, and with it everything it followed."""
        for server, uri in tuple(self._followed.get(client, ())):
            if self.remove(client, server, uri):
                session = self._live(server)
                if session is not None:
                    session.unsubscribe(uri)

    def renew(self, server: str, session: Session) -> None:
        """A new conversation knows of nothing."""
        for uri in self._followers.get(server, {}):
            session.subscribe(uri)

    def followers(self, server: str, uri: str) -> set[Client]:
        return self._followers.get(server, {}).get(uri, set())

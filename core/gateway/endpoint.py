"""Puts the gateway together: which path offers what, and who is told of which change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.gateway import asking
from core.gateway.clients import Client, Clients
from core.gateway.hub import text_result
from core.gateway.interests import Interests
from core.gateway.leases import Leases
from core.gateway.management import Management
from core.gateway.record import Record
from core.gateway.router import Router
from core.gateway.scopes import Scopes
from core.gateway.stateless import Stateless
from core.gateway.streamable import Gateway
from core.gateway.surface import LISTS_CHANGED, Surface
from core.gateway.transparent import ServerSurface, tell_clients
from core.model.config import ServerName
from core.ports import Cache, Door, Journal, Privates, Registry, Sessions, ToolSearch
from core.protocol.calls import Session
from core.telemetry.counters import Counters

SERVER_PREFIX = "/mcp/s/"


class Endpoint:
    """Owns the clients; ``app`` is the ASGI application."""

    def __init__(
        self,
        *,
        door: Door,
        sessions: Sessions,
        privates: Privates,
        search: ToolSearch,
        cache: Cache,
        registry: Registry,
        counters: Counters,
        version: str,
        journal: Journal | None = None,
    ) -> None:
        self._door = door
        self._sessions = sessions
        self._clients = Clients(left=self._left)
        record = Record(counters, journal)
        self._leases = Leases(door, privates)
        self._router = Router(door, sessions, record, self._leases)
        self._interests = Interests(self._router.live)
        self._stateless = Stateless(self._clients, record)
        self._scopes = Scopes(
            self._router,
            search,
            cache,
            version,
            self._clients,
            self._interests,
            Management(door, registry, text_result).tools,
        )
        self._surfaces: dict[str, ServerSurface] = {}
        self._followed: dict[str, tuple[Session, Callable[[], None]]] = {}
        self._withheld: dict[str, frozenset[str]] = {}
        self._due = False
        self.app = Gateway(self._clients, self._resolve, record, self._stateless)
        self._subscription = door.subscribe(self._wake)
        self._wake()

    def _resolve(self, path: str) -> Surface | None:
        if not path.startswith(SERVER_PREFIX):
            return self._scopes.resolve(path)
        name = path.removeprefix(SERVER_PREFIX)
        if ServerName(name) not in self._door.snapshot.servers:
            return None
        surface = self._surfaces.get(name)
        if surface is None:
            surface = self._surfaces[name] = ServerSurface(name, self._router, self._interests)
        return surface

    # --- what changes -------------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._catch_up)

    def _catch_up(self) -> None:
        self._due = False
        batch = self._subscription.take()
        if batch is not None:
            for name in batch.changed:
                self._follow(name)
                self._tell_of_approvals(name)
            self._scopes.changed(batch.changed)
        if self._subscription.closed:
            self._clients.close_all()
            self._stateless.parked.close()

    def _left(self, client: Client) -> None:
        """A session is over: nobody answers for it, and nothing is followed for it."""
        asking.give_up(client, "the client's session is over")
        self._interests.left(client)
        self._leases.left(client)

    def _tell_of_approvals(self, name: ServerName) -> None:
        """A tool that was approved, or is blocked now, changes the list without the server."""
        status = self._door.snapshot.servers.get(name)
        before = self._withheld.pop(name, frozenset())
        if status is None or name not in self._followed:
            return
        self._withheld[name] = status.withheld
        if status.withheld != before:
            clients = self._clients.of(f"s/{name}")
            tell_clients(clients, self._interests, name, LISTS_CHANGED["tools"], b"")

    def _follow(self, name: ServerName) -> None:
        """Hear what the server's present conversation tells; a new one may list other things."""
        session = self._router.live(name)
        followed = self._followed.get(name)
        if followed is not None and followed[0] is session:
            return
        if followed is not None:
            followed[1]()
            del self._followed[name]
        if name not in self._door.snapshot.servers:
            self._surfaces.pop(name, None)
            for client in self._clients.of(f"s/{name}"):
                self._clients.close(client)
        if session is None:
            return

        def notify(method: str, params: bytes) -> None:
            tell_clients(self._clients.of(f"s/{name}"), self._interests, name, method, params)
            self._scopes.heard(name, method, params)

        self._followed[name] = (session, session.listen(notify))
        self._interests.renew(name, session)
        for capability, method in LISTS_CHANGED.items():
            if capability in session.hello.promises_list_changed:
                notify(method, b"")

"""Which path offers which servers together, and who is told when what they offer changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from core.gateway.builtin import Builtin
from core.gateway.clients import Client, Clients
from core.gateway.hub import HubSurface
from core.gateway.interests import Interests
from core.gateway.merged import Merged, Part
from core.gateway.router import Router
from core.gateway.scope import Parts, Scope
from core.gateway.surface import LISTS_CHANGED, UPDATED
from core.gateway.transparent import tell_clients
from core.model.config import Config, ServerName
from core.model.status import Snapshot
from core.ports import Cache, ToolSearch

SEARCH_PATH = "/mcp/call"
DIRECT_PATH = "/mcp/all"
PROFILE_PREFIX = "/mcp/p/"

CHANGES: Sequence[tuple[str, Callable[[Merged], object]]] = (
    (
        LISTS_CHANGED["tools"],
        lambda merged: {part.server: part.tools for part in merged.parts if part.tools},
    ),
    (
        LISTS_CHANGED["prompts"],
        lambda merged: {part.server: part.prompts for part in merged.parts if part.prompts},
    ),
    (
        LISTS_CHANGED["resources"],
        lambda merged: {
            part.server: (part.resources, part.templates)
            for part in merged.parts
            if part.resources or part.templates
        },
    ),
)


class Scopes:
    """All parts of the endpoint that stand for several servers."""

    def __init__(
        self,
        router: Router,
        search: ToolSearch,
        cache: Cache,
        version: str,
        clients: Clients,
        interests: Interests,
        more: Callable[[], Sequence[Builtin]],
    ) -> None:
        self._router = router
        self._search = search
        self._cache = cache
        self._version = version
        self._clients = clients
        self._interests = interests
        self._more = more
        self._switched = more()  # the tools of our own that were told of last
        self._parts = Parts(router)
        everything = Scope(router, self._parts, lambda name: True)
        self._by_mode = self._surface("hub", everything, self._mode_is_direct)
        self._by_path = {
            "/mcp": self._by_mode,
            "/mcp/": self._by_mode,
            SEARCH_PATH: self._surface("call", everything, lambda: False),
            DIRECT_PATH: self._surface("all", everything, lambda: True),
        }
        self._profiles: dict[str, HubSurface] = {}
        self._told: dict[str, tuple[bool, Merged]] = {}
        self._seen: dict[ServerName, Part] = {}  # what each server offered when last looked at
        self._config: Config | None = None
        self._searchable: Merged | None = None  # what search was last told of

    def resolve(self, path: str) -> HubSurface | None:
        """What a path offers, if it is one of several servers."""
        if not path.startswith(PROFILE_PREFIX):
            return self._by_path.get(path)
        name = path.removeprefix(PROFILE_PREFIX)
        if self._members(name) is None:
            return None
        surface = self._profiles.get(name)
        if surface is None:
            scope = Scope(self._router, self._parts, lambda server: self._has(name, server))
            surface = self._surface(f"p/{name}", scope, self._mode_is_direct)
            self._profiles[name] = surface
            self._told[surface.key] = (surface.direct(), scope.merged())
        return surface

    def changed(self, names: Iterable[ServerName]) -> None:
        """Something of these servers, or of the file, is other than before.

        What was last told is compared with what is now, and clients are told of the difference.
        Search learns of it too, so that it is ready before somebody asks. Servers change often
        without changing what they offer, and there may be a thousand of them.
        """
        snapshot = self._router.door.snapshot
        config, self._config = self._config, snapshot.config
        offers = [name for name in names if self._offers_else(name, snapshot)]
        if not offers and config is snapshot.config:
            return
        everything = self._by_mode.scope.merged()
        if everything is not self._searchable:
            self._searchable = everything
            self._search.prepare({part.server: part.tools for part in everything.parts})
        own = self._more()
        switched, self._switched = own is not self._switched, own
        for surface in self._surfaces():
            direct, merged = surface.direct(), surface.scope.merged()
            known_direct, known = self._told.get(surface.key, (direct, Merged(())))
            self._told[surface.key] = (direct, merged)
            if known is merged and known_direct is direct and not switched:
                continue
            for method, listed in CHANGES:
                mode_changed = method == LISTS_CHANGED["tools"] and (
                    known_direct is not direct or (switched and not direct)
                )
                if mode_changed or listed(known) != listed(merged):
                    for client in self._clients.of(surface.key):
                        client.tell(method, b"")
        for name in [name for name in self._profiles if self._members(name) is None]:
            for client in self._clients.of(f"p/{name}"):
                self._clients.close(client)
            del self._profiles[name]
            self._told.pop(f"p/{name}", None)

    def _offers_else(self, name: ServerName, snapshot: Snapshot) -> bool:
        status = snapshot.servers.get(name)
        part = self._parts.get(name, status) if status is not None else None
        known = self._seen.get(name)
        if part is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = part
        return part is not known

    def heard(self, server: str, method: str, params: bytes) -> None:
        """Pass on a notification of a server's that belongs to no request.

        Changes of lists are told when the lists are known, by ``changed``.
        """
        if method.endswith("/list_changed"):
            return
        for surface in self._surfaces():
            clients = self._clients.of(surface.key) if surface.scope.includes(server) else []
            if method == UPDATED:
                self._updated(clients, surface, server, params)
            elif clients:
                tell_clients(clients, self._interests, server, method, params)

    def _updated(
        self, clients: Sequence[Client], surface: HubSurface, server: str, params: bytes
    ) -> None:
        """Tell those who follow a resource, by the URI they know it by."""
        try:
            members = msgspec.json.decode(params, type=dict[str, msgspec.Raw])
            own = msgspec.json.decode(members.get("uri", b""), type=str)
        except msgspec.DecodeError:
            return
        followers = self._interests.followers(server, own)
        told = b""
        for client in clients:
            if client in followers:
                if not told:
                    uri = surface.scope.merged().uris.shown(server, own)
                    members["uri"] = msgspec.Raw(msgspec.json.encode(uri))
                    told = msgspec.json.encode(members)
                client.tell(UPDATED, told)

    def _surfaces(self) -> list[HubSurface]:
        return [*dict.fromkeys(self._by_path.values()), *self._profiles.values()]

    def _surface(self, key: str, scope: Scope, direct: Callable[[], bool]) -> HubSurface:
        return HubSurface(
            key,
            scope,
            self._search,
            self._cache,
            self._version,
            self._interests,
            direct,
            self._more,
        )

    def _mode_is_direct(self) -> bool:
        return self._router.door.snapshot.config.routing_mode == "direct"

    def _members(self, profile: str) -> tuple[str, ...] | None:
        profiles = self._router.door.snapshot.config.profiles
        return next((each.servers for each in profiles if each.name == profile), None)

    def _has(self, profile: str, server: str) -> bool:
        return server in (self._members(profile) or ())

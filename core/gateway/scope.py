"""Some of the servers, offered together: which they are, and what they offer now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from core.gateway.merged import Merged, Part
from core.gateway.router import Router
from core.model.config import ServerName
from core.model.status import Phase, ServerStatus
from core.model.tools import Tool
from core.protocol.calls import Catalogue, Session


class Parts:
    """What each server offers now, shared by all scopes; the same object until it changes."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._known: dict[str, tuple[tuple[Tool, ...], Catalogue, Session, Part]] = {}

    def get(self, name: ServerName, status: ServerStatus) -> Part | None:
        """None when nothing; a server that is expected back offers what it did before.

        So a restart changes no list, and a call made meanwhile waits for the server.
        """
        known = self._known.get(name)
        session = self._router.live(name) if status.phase is Phase.READY else None
        if session is None:
            if known is not None and self._router.returning(name):
                return known[3]
            self._known.pop(name, None)
            return None
        catalogue = session.catalogue
        if known is not None:
            tools, listed, of, part = known
            if tools is status.offered and listed is catalogue and of is session:
                return part
        part = _part(name, status.offered, catalogue, session)
        self._known[name] = (status.offered, catalogue, session, part)
        return part


def _part(name: str, tools: tuple[Tool, ...], listed: Catalogue, session: Session) -> Part:
    hello = session.hello
    try:
        instructions = msgspec.json.decode(hello.instructions or b'""', type=str)
    except msgspec.DecodeError:
        instructions = ""
    return Part(
        server=name,
        tools=tools,
        by_name={tool.name: tool for tool in tools},
        prompts=listed.prompts,
        resources=listed.resources,
        templates=listed.resource_templates,
        has_resources="resources" in hello.declares,
        instructions=instructions.strip(),
    )


class Scope:
    """The servers for which ``includes`` holds."""

    def __init__(self, router: Router, parts: Parts, includes: Callable[[str], bool]) -> None:
        self.router = router
        self.includes = includes
        self._parts = parts
        self._merged = Merged(())

    def servers(self) -> Iterator[tuple[ServerName, ServerStatus]]:
        """Every server of the scope, whatever its state, in order of the names."""
        servers = self.router.door.snapshot.servers
        return ((name, servers[name]) for name in sorted(servers) if self.includes(name))

    def status(self, name: str) -> ServerStatus | None:
        """The server's, if it is of the scope."""
        return self.router.status(name) if self.includes(name) else None

    def tool(self, server: str, name: str) -> Tool | None:
        """The tool as the server offers it now, if it is of the scope and may be used."""
        status = self.status(server)
        part = self._parts.get(status.name, status) if status is not None else None
        return part.by_name.get(name) if part is not None else None

    def merged(self) -> Merged:
        """What they offer now; the same object as long as that is the same."""
        parts = tuple(
            part
            for name, status in self.servers()
            if (part := self._parts.get(name, status)) is not None
        )
        known = self._merged.parts
        if len(parts) != len(known) or any(map(_is_not, parts, known)):
            self._merged = Merged(parts)
        return self._merged


def _is_not(one: Part, other: Part) -> bool:
    return one is not other

"""Tools about the proxy itself: agents look at servers and propose some; people approve.

What an agent adds is written down disabled and quarantined, so that nothing of it runs before a
person has seen the whole command. No operation approves, releases, or shows logs and secrets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

import msgspec

from core.errors import (
    ConfigError,
    ConfigNotWritten,
    EngineStopped,
    IntentRefused,
    RegistryFailed,
)
from core.gateway.builtin import Builtin, Entry
from core.gateway.finding import CannotDo
from core.model.config import Config, ServerName
from core.model.intents import AddServers, Intent, RemoveServer, RestartServer, SetEnabled
from core.model.status import ServerStatus
from core.model.tools import Standing
from core.ports import Door, Registry

if TYPE_CHECKING:
    from core.model.registry import Offer, Way

MOST_OFFERS = 10  # servers that a search of the registry tells of
LONGEST_WORDS = 300  # characters of what a server or its settings say about a problem

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_SETTINGS = {"type": "object", "additionalProperties": _TEXT}

_OPERATIONS = ("list", "add", "remove", "enable", "disable", "restart")
_PROPERTIES = {
    "operation": {"enum": [*_OPERATIONS]},
    "name": _TEXT,
    "command": {**_TEXT, "description": "add: program to start"},
    "args": _TEXTS,
    "env": _SETTINGS,
    "working_dir": _TEXT,
    "url": {**_TEXT, "description": "add: address, instead of command"},
    "headers": _SETTINGS,
}

UPSTREAM_SERVERS: Entry = {
    "name": "upstream_servers",
    "title": "Manage servers",
    "description": "List the MCP servers behind this endpoint, or change them. An added server "
    "does not run until a person approves it.",
    "inputSchema": {
        "type": "object",
        "properties": _PROPERTIES,
        "required": ["operation"],
    },
    "annotations": {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": False},
}
SEARCHABLE_SERVERS: Entry = {
    **UPSTREAM_SERVERS,
    "description": "List the MCP servers behind this endpoint, search the registry for others, or "
    "change them. An added server does not run until a person approves it.",
    "inputSchema": {
        "type": "object",
        "properties": {
            **_PROPERTIES,
            "operation": {"enum": [*_OPERATIONS, "search_registry"]},
            "query": {**_TEXT, "description": "search_registry: part of a name"},
        },
        "required": ["operation"],
    },
    "annotations": {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True},
}
QUARANTINE_SECURITY: Entry = {
    "name": "quarantine_security",
    "title": "What waits for approval",
    "description": "Servers and tools that wait for a person's approval, and why. Only a person "
    "can approve.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "operation": {"enum": ["list", "inspect"]},
            "name": {**_TEXT, "description": "inspect: server"},
        },
        "required": ["operation"],
    },
    "annotations": {"readOnlyHint": True, "openWorldHint": False},
}


class _Servers(msgspec.Struct):
    operation: Literal["list", "add", "remove", "enable", "disable", "restart", "search_registry"]
    name: str = ""
    query: str = ""
    command: str = ""
    args: list[str] = []
    env: dict[str, str] = {}
    working_dir: str = ""
    url: str = ""
    headers: dict[str, str] = {}


class _Quarantine(msgspec.Struct):
    operation: Literal["list", "inspect"]
    name: str = ""


_servers = msgspec.json.Decoder(_Servers)
_quarantine = msgspec.json.Decoder(_Quarantine)


class Management:
    """``tools`` gives those that the config file leaves switched on."""

    def __init__(self, door: Door, registry: Registry, result: Callable[[str], bytes]) -> None:
        """``result`` makes a tool result of a text, within the limit for all answers."""
        self._door = door
        self._registry = registry
        self._result = result
        quarantine = _builtin(QUARANTINE_SECURITY, self._quarantine_security)
        self._tools = (_builtin(UPSTREAM_SERVERS, self._upstream_servers), quarantine)
        self._searching = (_builtin(SEARCHABLE_SERVERS, self._upstream_servers), quarantine)

    def tools(self) -> tuple[Builtin, ...]:
        config = self._door.snapshot.config
        if config.disable_management:
            return ()
        return self._searching if config.registry_url else self._tools

    # --- upstream_servers ---------------------------------------------------------------------

    async def _upstream_servers(self, arguments: bytes) -> bytes:
        asked = _servers.decode(arguments)
        if asked.operation == "list":
            servers = [_shown(each) for each in self._door.snapshot.servers.values()]
            return self._answer({"servers": servers})
        if asked.operation == "search_registry":
            return await self._search_registry(asked.query or asked.name)
        if not asked.name:
            raise CannotDo(f"{asked.operation} wants the name of a server.")
        name = ServerName(asked.name)
        _permit(self._door.snapshot.config, asked.operation)
        match asked.operation:
            case "add":
                await self._submit(AddServers(((name, _entry(asked)),)))
                return self._answer(
                    {
                        "added": name,
                        "runs": False,
                        "next": f"A person has to look at it and approve it, in the tray or with: "
                        f"mcpproxy-tray servers approve {name}",
                    }
                )
            case "remove":
                await self._submit(RemoveServer(name))
                return self._answer({"removed": name})
            case "restart":
                await self._submit(RestartServer(name))
            case "enable" | "disable":
                status = self._door.snapshot.servers.get(name)
                if asked.operation == "enable" and status is not None and status.quarantined:
                    raise CannotDo(f"{name} waits for a person's approval; only that enables it.")
                await self._submit(SetEnabled(name, asked.operation == "enable"))
        return self._answer({asked.operation: name, "accepted": True})

    async def _search_registry(self, query: str) -> bytes:
        if not query.strip():
            raise CannotDo("search_registry wants a query: part of the server's name.")
        try:
            found = await self._registry.search(query, MOST_OFFERS)
        except RegistryFailed as error:
            raise CannotDo(str(error)) from None
        answer: dict[str, object] = {"found": list(map(_offered, found.offers))}
        if found.more:
            answer["more"] = "There are others; search with more words."
        return self._answer(answer)

    async def _submit(self, intent: Intent) -> None:
        """Raises CannotDo with the engine's reason."""
        try:
            await self._door.submit(intent)
        except (IntentRefused, ConfigError, ConfigNotWritten, EngineStopped) as refusal:
            raise CannotDo(str(refusal)) from None

    # --- quarantine_security ------------------------------------------------------------------

    async def _quarantine_security(self, arguments: bytes) -> bytes:
        asked = _quarantine.decode(arguments)
        servers = self._door.snapshot.servers
        if asked.operation == "list":
            waiting = [_waiting(each) for each in servers.values() if each.review.hash]
            return self._answer({"waiting": waiting})
        status = servers.get(ServerName(asked.name))
        if status is None:
            raise CannotDo(f"There is no server {asked.name!r}.")
        return self._answer({**_waiting(status), "tools": _inspected(status)})

    def _answer(self, value: object) -> bytes:
        return self._result(msgspec.json.encode(value).decode())


def _builtin(entry: Entry, run: Callable[[bytes], Awaitable[bytes]]) -> Builtin:
    return Builtin(str(entry["name"]), entry, run)


def _permit(config: Config, operation: str) -> None:
    """Raises CannotDo where the config file forbids it to agents."""
    forbidden = ""
    if config.read_only_mode:
        forbidden = '"read_only_mode": true'
    elif operation == "add" and not config.allow_server_add:
        forbidden = '"allow_server_add": false'
    elif operation == "remove" and not config.allow_server_remove:
        forbidden = '"allow_server_remove": false'
    if forbidden:
        raise CannotDo(f"{operation} is not permitted: the config file says {forbidden}.")


def _entry(asked: _Servers) -> dict[str, object]:
    """As it is written into the file: it must not run before a person has seen it."""
    if bool(asked.command) == bool(asked.url):
        raise CannotDo("add wants either command or url.")
    if asked.command:
        own: dict[str, object] = {"command": asked.command, "args": asked.args}
        own |= {"env": asked.env, "working_dir": asked.working_dir}
    else:
        own = {"url": asked.url, "headers": asked.headers}
    own = {key: value for key, value in own.items() if value}
    return {**own, "enabled": False, "quarantined": True}


def _offered(offer: Offer) -> dict[str, object]:
    """With what ``add`` would need for each way to have it."""
    shown: dict[str, object] = {
        "name": offer.name,
        "version": offer.version,
        "description": offer.description,
        "add": [_proposed(offer.called, way) for way in offer.ways],
        "unusable": offer.unusable,
        "warning": offer.warning,
    }
    return {key: value for key, value in shown.items() if value}


def _proposed(called: str, way: Way) -> dict[str, object]:
    entry = {key: value for key, value in way.entry.items() if key != "protocol"}
    wanted = [f"{need.variable}: {need.description}" for need in way.needs if need.required]
    return {"name": called, **entry, **({"person_sets": wanted} if wanted else {})}


def _shown(status: ServerStatus) -> dict[str, object]:
    """Without what the entry runs: its arguments may hold secrets."""
    shown: dict[str, object] = {
        "name": status.name,
        "status": status.phase,
        "summary": status.health.summary,
        "tools": len(status.offered),
    }
    if status.health.detail:
        shown["detail"] = status.health.detail[:LONGEST_WORDS]
    if status.quarantined:
        shown["quarantined"] = True
    return shown


def _waiting(status: ServerStatus) -> dict[str, object]:
    review = status.review
    shown: dict[str, object] = {"server": status.name, "quarantined": review.quarantined}
    if review.pending:
        shown["new"] = review.pending
    if review.changed:
        shown["changed"] = review.changed
    if review.hash:
        shown["next"] = f"A person: mcpproxy-tray servers approve {status.name}"
    return shown


def _inspected(status: ServerStatus) -> list[dict[str, object]]:
    """Which rules speak against which tool; never the words themselves, which are for people."""
    return [
        {
            "tool": tool.name,
            "standing": tool.standing,
            "suspicious": [{"rule": flag.rule, "where": flag.where} for flag in tool.flags],
        }
        for tool in status.tools
        if tool.standing is not Standing.APPROVED
    ]

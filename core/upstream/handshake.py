"""The stateful era's hand-shake and listings (MCP 2024-11-05 to 2025-11-25).

The stateless era (2026-07-28) has neither; it will be another module beside this one, chosen by
the connection before anything else is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from core.model.tools import Tool
from core.protocol.calls import Call, Catalogue, Hello, Reply
from core.protocol.codes import LATEST_STATEFUL, STATEFUL_VERSIONS
from core.upstream.multiplexer import Multiplexer

ENTRIES_LIMIT = 2000  # per list of one server; more is cut and said

LISTS = {
    "tools": ("tools/list", "tools"),
    "prompts": ("prompts/list", "prompts"),
    "resources": ("resources/list", "resources"),
    "resource_templates": ("resources/templates/list", "resourceTemplates"),
}
"""Catalogue field: method, and the result's member (MCP 2025-11-25, server/*)."""

NEEDS = {
    "tools": "tools",
    "prompts": "prompts",
    "resources": "resources",
    "resource_templates": "resources",
}
"""Catalogue field: the capability a server declares if it has such a list."""

CHANGES = {
    "notifications/tools/list_changed": ("tools",),
    "notifications/prompts/list_changed": ("prompts",),
    "notifications/resources/list_changed": ("resources", "resource_templates"),
}
"""Which lists a notification makes stale."""


class BadHandshake(Exception):
    """The server answered, but not as MCP asks; ``str()`` says how."""


class _Implementation(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Initialized(msgspec.Struct, rename="camel"):
    protocol_version: str
    capabilities: dict[str, msgspec.Raw] = {}
    server_info: msgspec.Raw = msgspec.Raw(b"{}")
    instructions: msgspec.Raw = msgspec.Raw()


class _Capability(msgspec.Struct, rename="camel"):
    list_changed: bool = False


class _Schema(msgspec.Struct):
    properties: dict[str, msgspec.Raw] = {}


class _ToolEntry(msgspec.Struct, rename="camel"):
    name: str
    description: str = ""
    input_schema: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class Introduction:
    """The server's name and version, for people."""

    name: str
    version: str


async def shake_hands(session: Multiplexer, client_version: str) -> Introduction:
    """``initialize`` and ``notifications/initialized``; sets ``session.hello``.

    Raises BadHandshake, or ConnectionLost when the server goes away meanwhile.
    """
    params = msgspec.json.encode(
        {
            "protocolVersion": LATEST_STATEFUL,
            "capabilities": {},
            "clientInfo": {"name": "mcpproxy-tray", "version": client_version},
        }
    )
    reply = await _reply(session.start("initialize", params))
    if reply.result is None:
        raise BadHandshake(f"it refused to initialize: {_text(reply.error)}")
    try:
        said = msgspec.json.decode(reply.result, type=_Initialized)
        introduction = msgspec.json.decode(said.server_info, type=_Implementation)
    except msgspec.DecodeError as error:
        raise BadHandshake(f"its answer to initialize is malformed ({error})") from error
    if said.protocol_version not in STATEFUL_VERSIONS:
        known = ", ".join(STATEFUL_VERSIONS)
        raise BadHandshake(
            f"it wants protocol version {said.protocol_version[:32]!r}; known are {known}"
        )
    session.hello = Hello(
        protocol_version=said.protocol_version,
        capabilities=msgspec.json.encode(said.capabilities),
        server_info=bytes(said.server_info),
        instructions=bytes(said.instructions),
        declares=frozenset(said.capabilities),
        promises_list_changed=frozenset(
            name for name, raw in said.capabilities.items() if _promises_changes(raw)
        ),
    )
    session.notify("notifications/initialized", b"")
    return Introduction(introduction.name, introduction.version)


async def list_everything(
    session: Multiplexer, odd: Callable[[str, str], None], only: frozenset[str] | None = None
) -> Catalogue:
    """Every page of every list the server declares (of ``only`` some), beside the rest known.

    ``odd`` receives (kind, what) for lists that end strangely. Raises ConnectionLost, CallTimeout.
    """
    known = session.catalogue
    wanted = {
        field: LISTS[field]
        for field, capability in NEEDS.items()
        if capability in session.hello.declares and (only is None or field in only)
    }
    first = {field: session.start(method, b"") for field, (method, _) in wanted.items()}
    lists = {
        field: await _all_pages(session, first[field], method, member, odd)
        for field, (method, member) in wanted.items()
    }
    truncated = {field for field, (_, cut) in lists.items() if cut}
    entries = {field: entries for field, (entries, _) in lists.items()}
    return Catalogue(
        tools=entries.get("tools", known.tools),
        prompts=entries.get("prompts", known.prompts),
        resources=entries.get("resources", known.resources),
        resource_templates=entries.get("resource_templates", known.resource_templates),
        truncated=known.truncated - lists.keys() | truncated,
    )


async def _all_pages(
    session: Multiplexer, call: Call, method: str, member: str, odd: Callable[[str, str], None]
) -> tuple[tuple[bytes, ...], bool]:
    """The entries, and whether there were more than are taken."""
    entries: list[bytes] = []
    cut = False
    cursors: set[bytes] = set()
    while True:
        reply = await _reply(call)
        if reply.result is None:
            odd("list_refused", f"{method}: {_text(reply.error)}")
            break
        try:
            page = msgspec.json.decode(reply.result, type=dict[str, msgspec.Raw])
            raws = msgspec.json.decode(page.get(member, b"[]"), type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            odd("list_malformed", f"{method}: {error}")
            break
        entries.extend(bytes(raw) for raw in raws)
        cursor = bytes(page.get("nextCursor", b"null"))
        if cursor == b"null":
            break
        cut = cursor in cursors or len(entries) >= ENTRIES_LIMIT
        if cut:
            odd("list_endless", f"{method}: cut after {len(entries)} entries")
            break
        cursors.add(cursor)
        call = session.start(method, b'{"cursor":%b}' % cursor)
    return tuple(entries[:ENTRIES_LIMIT]), cut or len(entries) > ENTRIES_LIMIT


def tools_of(entries: tuple[bytes, ...], odd: Callable[[str, str], None]) -> tuple[Tool, ...]:
    """The tools of a listing as values; entries without a usable name are left out and said."""
    tools: dict[str, Tool] = {}
    for raw in entries:
        try:
            entry = msgspec.json.decode(raw, type=_ToolEntry)
        except msgspec.DecodeError as error:
            odd("bad_tool", f"{error}: {raw[:200]!r}")
            continue
        if not entry.name or entry.name in tools:
            odd("bad_tool", f"a name is empty or stands twice: {raw[:200]!r}")
            continue
        tools[entry.name] = Tool(entry.name, raw, entry.description, _parameters(entry))
    return tuple(tools.values())


def _parameters(entry: _ToolEntry) -> tuple[str, ...]:
    try:
        return tuple(msgspec.json.decode(entry.input_schema, type=_Schema).properties)
    except msgspec.DecodeError:
        return ()  # a schema of another shape is the client's and server's affair


def _promises_changes(raw: msgspec.Raw) -> bool:
    try:
        return msgspec.json.decode(raw, type=_Capability).list_changed
    except msgspec.DecodeError:
        return False


async def _reply(call: Call) -> Reply:
    while True:
        reply = await call.arrival()
        if reply is not None:
            return reply
        call.events.clear()


def _text(error: bytes | memoryview | None) -> str:
    return bytes(error or b"").decode(errors="replace")[:300]

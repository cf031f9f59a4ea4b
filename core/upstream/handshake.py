"""What is said first: the stateful era's hand-shake, or the stateless era's question, and lists.

MCP 2024-11-05 to 2025-11-25 begin with ``initialize``; 2026-07-28 has no hand-shake, but can be
asked what it offers (``server/discover``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import msgspec

from core.model.tools import Tool
from core.protocol.calls import Call, Catalogue, Hello, Reply
from core.protocol.codes import LATEST_STATEFUL, STATEFUL_VERSIONS
from core.protocol.results import rest_of
from core.upstream.multiplexer import OURS, Multiplexer
from core.upstream.parameters import BadAnnotation, Headers, headers_of
from core.upstream.stateless import (
    DISCOVER,
    LATEST,
    Stamp,
    hello_of,
    is_spoken,
    promises_changes,
)

PROBE_LIMIT = 5.0  # seconds after which a server is taken to be of the older era
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


# What a client of one shared connection may be able to do. What a certain one cannot, it says when
# it is asked.
EVERYTHING = (
    b'{"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},'
    b'"roots":{"listChanged":true}}'
)


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


@dataclass(frozen=True, slots=True)
class Own:
    """What we say of ourselves: our version, and as JSON what a server may ask of us."""

    version: str
    capabilities: bytes = EVERYTHING


class Era(Enum):
    """How a server is spoken to, as far as that is known."""

    UNKNOWN = "unknown"
    STATEFUL = "stateful"
    STATELESS = "stateless"


async def begin(
    session: Multiplexer,
    stamp: Stamp,
    own: Own,
    era: Era,
    hopeless: Callable[[], bool],
) -> Introduction:
    """Find out how to speak to the server, unless that is known; sets ``session.hello``.

    It is asked in the newer era's words first (2026-07-28, basic/versioning). Whatever else it
    answers, or if it says nothing for a while, the older era's hand-shake follows. ``hopeless``
    tells that no further question can be answered either.

    Raises BadHandshake, or ConnectionLost when the server goes away meanwhile.
    """
    asked = None
    if era is not Era.STATEFUL:
        asked, reply = await _discover(session, stamp)
        hello = hello_of(reply)
        if hello is not None:
            return _met(session, hello)
        if hopeless():
            raise BadHandshake(f"it did not answer {DISCOVER}: {_text(reply.error)}")
    try:
        return await shake_hands(session, own)
    except BadHandshake:
        if hopeless():
            raise
        # One that was slow to start answers both questions late; one that is new here, or only
        # thought to be of the older era, was not asked yet.
        late = asked.reply if asked is not None else (await _discover(session, stamp))[1]
        hello = hello_of(late)
        if hello is None:
            raise
        return _met(session, hello)


async def _discover(session: Multiplexer, stamp: Stamp) -> tuple[Call, Reply]:
    """Ask in the newer era's words; the older era is the one spoken afterwards."""
    session.hello = Hello(LATEST)
    asked = session.start(DISCOVER, stamp.params(), OURS)
    reply = await _in_time(asked)
    if is_spoken(reply.error):  # it asks to be spoken to in a version that we used, or know
        asked = session.start(DISCOVER, stamp.params(), OURS)
        reply = await _in_time(asked)
    session.hello = Hello("")
    return asked, reply


async def _in_time(call: Call) -> Reply:
    """The answer; an empty one if it does not come in time, when it may still come."""
    try:
        async with asyncio.timeout(PROBE_LIMIT):
            return await _reply(call)
    except TimeoutError:
        return Reply()


def _met(session: Multiplexer, hello: Hello) -> Introduction:
    session.hello = hello
    try:
        introduction = msgspec.json.decode(hello.server_info or b"{}", type=_Implementation)
    except msgspec.DecodeError:
        introduction = _Implementation()
    return Introduction(introduction.name, introduction.version)


async def shake_hands(session: Multiplexer, own: Own) -> Introduction:
    """``initialize`` and ``notifications/initialized``; sets ``session.hello``.

    Raises BadHandshake, or ConnectionLost when the server goes away meanwhile.
    """
    params = msgspec.json.encode(
        {
            "protocolVersion": LATEST_STATEFUL,
            "capabilities": msgspec.Raw(own.capabilities),
            "clientInfo": {"name": "mcpproxy-tray", "version": own.version},
        }
    )
    reply = await _reply(session.start("initialize", params, OURS))
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
            name for name, raw in said.capabilities.items() if promises_changes(raw)
        ),
        rest=rest_of(reply.result),
    )
    session.notify("notifications/initialized", b"")
    return Introduction(introduction.name, introduction.version)


async def list_everything(
    session: Multiplexer,
    stamp: Stamp,
    odd: Callable[[str, str], None],
    only: frozenset[str] | None = None,
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
    params = stamp.params() if session.hello.stateless else b""
    first = {field: session.start(method, params, OURS) for field, (method, _) in wanted.items()}
    lists = {
        field: await _all_pages(session, stamp, first[field], method, member, odd)
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
    session: Multiplexer,
    stamp: Stamp,
    call: Call,
    method: str,
    member: str,
    odd: Callable[[str, str], None],
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
        members = b'"cursor":%b' % cursor
        params = stamp.params(members) if session.hello.stateless else b"{%b}" % members
        call = session.start(method, params, OURS)
    return tuple(entries[:ENTRIES_LIMIT]), cut or len(entries) > ENTRIES_LIMIT


def callable_tools(
    entries: tuple[bytes, ...], odd: Callable[[str, str], None]
) -> tuple[tuple[bytes, ...], dict[str, Headers]]:
    """Those of a stateless server that can be called, and what each wants repeated in headers."""
    kept, wanted = [], {}
    for raw in entries:
        try:
            entry = msgspec.json.decode(raw, type=_ToolEntry)
            headers = headers_of(bytes(entry.input_schema))
        except msgspec.DecodeError:
            kept.append(raw)  # what is wrong is said where the tools are read
            continue
        except BadAnnotation as error:
            odd("bad_tool", f"left out: {error}: {raw[:200]!r}")
            continue
        kept.append(raw)
        if headers:
            wanted[entry.name] = headers
    return tuple(kept), wanted


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


async def _reply(call: Call) -> Reply:
    while True:
        reply = await call.arrival()
        if reply is not None:
            return reply
        call.events.clear()


def _text(error: bytes | memoryview | None) -> str:
    return bytes(error or b"").decode(errors="replace")[:300]

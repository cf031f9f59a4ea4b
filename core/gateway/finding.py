"""``retrieve_tools`` and ``describe_tool``: what there is, in as few tokens as will do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from core.gateway.cutting import NOTICE, Cutter, new_key
from core.gateway.scope import Scope
from core.gateway.signature import signature
from core.model.status import Phase, ServerStatus
from core.model.tools import Tool
from core.ports import ToolSearch
from core.protocol.annotations import Effect, effect_of

ID_SEPARATOR = ":"  # a tool id is split at the first one; server names hold none
MOST_HITS = 100  # of one search
MOST_DESCRIBED = 5
SHORT_DESCRIPTION = 240  # characters

CALL_WITH = {
    Effect.READ: "call_tool_read",
    Effect.WRITE: "call_tool_write",
    Effect.DESTRUCTIVE: "call_tool_destructive",
}

_SENTENCE = re.compile(r"(?<=[.!?])\s")


class CannotDo(Exception):
    """What the model asked of a built-in tool cannot be done; ``str()`` helps it do better."""


class Retrieve(msgspec.Struct):
    query: str
    limit: int | None = None
    detail: str = "compact"
    server: str = ""
    read_only_only: bool = False
    exclude_destructive: bool = False


class Describe(msgspec.Struct):
    tool_ids: list[str]


class _Entry(msgspec.Struct, rename="camel"):
    input_schema: msgspec.Raw = msgspec.Raw(b"{}")


_entry = msgspec.json.Decoder(_Entry)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])

Shown = dict[str, object]


class Finder:
    """Finds and describes the tools of one scope."""

    def __init__(self, scope: Scope, search: ToolSearch, cutter: Cutter) -> None:
        self._scope = scope
        self._search = search
        self._cutter = cutter

    async def retrieve(self, asked: Retrieve, limit: int) -> bytes:
        """The best hits as JSON, within the limit of answers.

        Raises CannotDo when what is asked for makes no sense.
        """
        if asked.detail not in ("compact", "full"):
            raise CannotDo(f"detail must be compact or full, not {asked.detail[:60]!r}.")
        everything = self._callable()
        if asked.server:
            self._check_server(asked.server)
        among = {
            name: tools
            for name, tools in everything.items()
            if not asked.server or name == asked.server
        }
        limit = max(1, min(limit, MOST_HITS))
        effects = _wanted(asked)
        if asked.query.strip():
            hits = await self._search.search(among, asked.query, limit, effects)
            tools = {name: {tool.name: tool for tool in listed} for name, listed in among.items()}
            found = [(hit.server, tools[hit.server][hit.tool]) for hit in hits]
        elif asked.server:
            found = [
                (asked.server, tool)
                for tool in among.get(asked.server, ())
                if effect_of(tool.raw) in effects
            ][:limit]
        else:
            raise CannotDo(
                "Say in query what the tool should do, or name a server to see its tools."
            )
        show = full if asked.detail == "full" else compact
        answer: Shown = {"searched": sum(map(len, among.values()))}
        if not found:
            answer["hint"] = "Nothing shares a word with this query. Try other words."
            answer["servers"] = {name: len(tools) for name, tools in everything.items()}
        if absent := self._absent(asked.server):
            answer["not_searched"] = absent  # so that the model knows to look again, or to ask
        return await self._fitting(answer, [show(server, tool) for server, tool in found])

    async def describe(self, ids: Sequence[str]) -> bytes:
        """Everything about a few tools, as JSON. Raises CannotDo."""
        if not 1 <= len(ids) <= MOST_DESCRIBED:
            raise CannotDo(f"Give 1 to {MOST_DESCRIBED} tool_ids.")
        described: list[Shown] = []
        for tool_id in dict.fromkeys(ids):
            try:
                server, tool = self.tool(tool_id)
                described.append(full(server, tool))
            except CannotDo as why:
                described.append({"tool_id": tool_id[:200], "error": str(why)})
        return await self._fitting({}, described)

    async def _fitting(self, answer: Shown, tools: Sequence[Shown]) -> bytes:
        """The answer with as many tools, the first first, as the limit leaves room for.

        The first is always told, however long; those left out can be read on.
        """
        most = self._cutter.limit
        room = most - len(msgspec.json.encode(answer)) - NOTICE
        texts = [msgspec.json.encode(tool) for tool in tools]
        told = 0
        for text in texts:
            room -= len(text) + 1
            if most and told and room < 0:
                break
            told += 1
        rest = texts[told:]
        more: Shown = {}
        if rest:
            key = new_key()
            await self._cutter.keep(key, b"\n".join(rest).decode())
            more = {"left_out": len(rest), "the_rest": f'read_cache(key="{key}")'}
        return msgspec.json.encode(
            {"tools": list(map(msgspec.Raw, texts[:told])), **answer, **more}
        )

    def tool(self, tool_id: str) -> tuple[str, Tool]:
        """The tool of an id. Raises CannotDo, with what to do instead."""
        server, name = self.parse(tool_id)
        return server, self.named(server, name)

    def named(self, server: str, name: str) -> Tool:
        """A tool of a server of the scope. Raises CannotDo, with what to do instead."""
        tool = self._scope.tool(server, name)
        if tool is None:
            raise CannotDo(self.why_not(server, name))
        return tool

    def parse(self, tool_id: str) -> tuple[str, str]:
        """Server and tool of an id. Raises CannotDo when it is none, or of no server here."""
        server, separator, name = tool_id.partition(ID_SEPARATOR)
        if not separator or not name:
            near = [
                f"{each}{ID_SEPARATOR}{tool.name}"
                for each, tools in self._callable().items()
                for tool in tools
                if tool.name == tool_id
            ]
            meant = f" Did you mean {' or '.join(near[:3])}?" if near else ""
            raise CannotDo(
                f"{tool_id[:200]!r} is no tool id. Ids look like server:tool; find them with "
                f"retrieve_tools.{meant}"
            )
        self._check_server(server)
        return server, name

    def why_not(self, server: str, name: str) -> str:
        """Why a tool of a known server cannot be used."""
        status = self._scope.status(server)
        config = (
            self._scope.router.door.snapshot.config.servers.get(status.name) if status else None
        )
        shown = name[:100]
        if config is not None and not config.permits(name):
            return f"The tool {shown!r} of the server {server!r} is switched off by a person."
        if status is not None and status.withholds(name):
            return (
                f"The tool {shown!r} of the server {server!r} waits for a person's approval in "
                "MCP Proxy Tray. Ask them to review it, or use another tool."
            )
        return f"The server {server!r} has no tool {shown!r}. Find tools with retrieve_tools."

    def _check_server(self, name: str) -> None:
        if self._scope.status(name) is None:
            known = ", ".join(server for server, _ in self._scope.servers()) or "none"
            raise CannotDo(
                f"There is no server {name[:100]!r} here; there are: {known}. "
                "Find tools with retrieve_tools."
            )

    def _callable(self) -> dict[str, tuple[Tool, ...]]:
        return {
            str(name): status.offered
            for name, status in self._scope.servers()
            if status.phase is Phase.READY and status.offered
        }

    def _absent(self, server: str) -> Mapping[str, str]:
        return {
            str(name): _why_absent(status)
            for name, status in self._scope.servers()
            if (not server or name == server)
            and status.phase is not Phase.DISABLED
            and (status.phase is not Phase.READY or (not status.offered and status.tools))
        }


def _why_absent(status: ServerStatus) -> str:
    return status.health.summary


def _wanted(asked: Retrieve) -> frozenset[Effect]:
    if asked.read_only_only:
        return frozenset({Effect.READ})
    if asked.exclude_destructive:
        return frozenset({Effect.READ, Effect.WRITE})
    return frozenset(Effect)


def compact(server: str, tool: Tool) -> Shown:
    """Enough to choose a tool and, as a rule, to call it."""
    shown: Shown = {"tool_id": f"{server}{ID_SEPARATOR}{tool.name}"}
    if tool.description:
        shown["description"] = short(tool.description)
    if args := signature(msgspec.json.decode(_entry.decode(tool.raw).input_schema)):
        shown["args"] = args
    shown["call_with"] = CALL_WITH[effect_of(tool.raw)]
    return shown


def full(server: str, tool: Tool) -> Shown:
    """Everything the server says of it."""
    members = _members.decode(tool.raw)
    members.pop("name", None)
    members.pop("icons", None)  # pictures for people
    return {
        "tool_id": f"{server}{ID_SEPARATOR}{tool.name}",
        **members,
        "call_with": CALL_WITH[effect_of(tool.raw)],
    }


def short(text: str) -> str:
    """The beginning of a description: whole sentences as far as they fit."""
    text = " ".join(text.split())
    if len(text) <= SHORT_DESCRIPTION:
        return text
    kept = ""
    for sentence in _SENTENCE.split(text):
        if len(kept) + len(sentence) > SHORT_DESCRIPTION:
            break
        kept += f"{sentence} "
    return kept.strip() or f"{text[: SHORT_DESCRIPTION - 1]}…"

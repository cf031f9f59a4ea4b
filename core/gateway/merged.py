"""What several servers list, as one list of each kind; and back from a name to its server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from core.gateway.names import Uris, joined
from core.model.tools import Tool


@dataclass(frozen=True, slots=True)
class Part:
    """What one server offers now; entries are JSON as received."""

    server: str
    tools: tuple[Tool, ...] = field(default=(), repr=False)
    prompts: tuple[bytes, ...] = field(default=(), repr=False)
    resources: tuple[bytes, ...] = field(default=(), repr=False)
    templates: tuple[bytes, ...] = field(default=(), repr=False)
    has_resources: bool = False  # it declares them, listed or not
    instructions: str = field(default="", repr=False)
    by_name: Mapping[str, Tool] = field(default_factory=dict, repr=False)  # the same tools


class _Named(msgspec.Struct):
    name: str


class _Resource(msgspec.Struct):
    uri: str


class _Template(msgspec.Struct, rename="camel"):
    uri_template: str


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_named = msgspec.json.Decoder(_Named)
_resource = msgspec.json.Decoder(_Resource)
_template = msgspec.json.Decoder(_Template)

Route = Mapping[str, tuple[str, str]]  # as shown: server, and its own name


class Merged:
    """The parts in order of their servers' names; each list is made when it is first asked for."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(sorted(parts, key=lambda part: part.server))

    @cached_property
    def tools(self) -> tuple[bytes, Route]:
        """The result of ``tools/list`` with joined names."""
        entries: list[bytes] = []
        route: dict[str, tuple[str, str]] = {}
        for part in self.parts:
            for tool in part.tools:
                name = joined(part.server, tool.name)
                if route.setdefault(name, (part.server, tool.name)) == (part.server, tool.name):
                    entries.append(self._tool(part.server, tool, name))
        return _listing(b"tools", entries), route

    def _tool(self, server: str, tool: Tool, name: str) -> bytes:
        members = _members.decode(tool.raw)
        members["name"] = _raw(name)
        shown = with_ui_shown(members.get("_meta"), lambda uri: self.uris.shown(server, uri))
        if shown is not None:
            members["_meta"] = shown
        return msgspec.json.encode(members)

    @cached_property
    def prompts(self) -> tuple[bytes, Route]:
        """The result of ``prompts/list`` with joined names."""
        entries: list[bytes] = []
        route: dict[str, tuple[str, str]] = {}
        for part in self.parts:
            for raw, own in _readable(part.prompts, lambda raw: _named.decode(raw).name):
                name = joined(part.server, own)
                if name not in route:
                    route[name] = (part.server, own)
                    entries.append(_with(raw, "name", name))
        return _listing(b"prompts", entries), route

    @cached_property
    def uris(self) -> Uris:
        return Uris(
            [(part.server, uri) for part in self.parts for _, uri in _uris(part)],
            [(part.server, template) for part in self.parts for _, template in _templates(part)],
            [part.server for part in self.parts if part.has_resources],
        )

    @cached_property
    def resources(self) -> bytes:
        """The result of ``resources/list``."""
        entries = [
            _with(raw, "uri", self.uris.shown(part.server, uri))
            for part in self.parts
            for raw, uri in _uris(part)
        ]
        return _listing(b"resources", entries)

    @cached_property
    def templates(self) -> bytes:
        """The result of ``resources/templates/list``."""
        entries = [
            _with(raw, "uriTemplate", self.uris.shown_template(part.server, template))
            for part in self.parts
            for raw, template in _templates(part)
        ]
        return _listing(b"resourceTemplates", entries)


def _uris(part: Part) -> list[tuple[bytes, str]]:
    return _readable(part.resources, lambda raw: _resource.decode(raw).uri)


def _templates(part: Part) -> list[tuple[bytes, str]]:
    return _readable(part.templates, lambda raw: _template.decode(raw).uri_template)


def _readable(entries: Sequence[bytes], key: Callable[[bytes], str]) -> list[tuple[bytes, str]]:
    """The entries with their keys, in order; what has none, or one again, is left out."""
    found: dict[str, bytes] = {}
    for raw in entries:
        try:
            found.setdefault(key(raw), raw)
        except msgspec.DecodeError:
            continue  # nobody could ask for it either
    return [(raw, name) for name, raw in found.items()]


def _with(raw: bytes, member: str, value: str) -> bytes:
    """An entry with one member changed; unchanged bytes if it says so already."""
    members = _members.decode(raw)
    if msgspec.json.decode(members[member]) == value:
        return raw
    members[member] = _raw(value)
    return msgspec.json.encode(members)


def with_ui_shown(meta: msgspec.Raw | None, shown: Callable[[str], str]) -> msgspec.Raw | None:
    """``_meta`` whose ``ui.resourceUri`` (the extension MCP Apps) leads to its server, if it must.

    None when it may stay as it is.
    """
    if meta is None or b"resourceUri" not in bytes(meta):
        return None
    try:
        members = _members.decode(meta)
        ui = _members.decode(members["ui"])
        uri = msgspec.json.decode(ui["resourceUri"], type=str)
    except (msgspec.DecodeError, KeyError):
        return None
    told = shown(uri)
    if told == uri:
        return None
    ui["resourceUri"] = _raw(told)
    members["ui"] = msgspec.Raw(msgspec.json.encode(ui))
    return msgspec.Raw(msgspec.json.encode(members))


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


def _listing(member: bytes, entries: Sequence[bytes]) -> bytes:
    return b'{"%b":[%b]}' % (member, b",".join(entries))

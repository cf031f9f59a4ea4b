"""The era without hand-shake (MCP 2026-07-28): what our own requests say in it, and how to ask
a server whether it speaks it."""

from __future__ import annotations

import msgspec

from core.protocol.calls import Hello, Reply
from core.protocol.codes import STATELESS_VERSIONS
from core.protocol.results import rest_of

LATEST = STATELESS_VERSIONS[-1]
DISCOVER = "server/discover"
LISTEN = "subscriptions/listen"

UNSUPPORTED_VERSION = -32022

_KEY = "io.modelcontextprotocol/"


class _Capability(msgspec.Struct, rename="camel"):
    list_changed: bool = False


class _Meta(msgspec.Struct):
    server_info: msgspec.Raw = msgspec.field(
        name="io.modelcontextprotocol/serverInfo", default=msgspec.Raw(b"{}")
    )


class _Discovered(msgspec.Struct, rename="camel"):
    supported_versions: list[str]
    capabilities: dict[str, msgspec.Raw] = {}
    instructions: msgspec.Raw = msgspec.Raw()
    server_info: msgspec.Raw = msgspec.Raw()
    meta: _Meta = msgspec.field(name="_meta", default_factory=_Meta)


class _Versions(msgspec.Struct):
    supported: list[str] = []


class _VersionRefused(msgspec.Struct):
    code: int
    data: _Versions = msgspec.field(default_factory=_Versions)


class Stamp:
    """Makes the params of our own requests, with what every request has to tell (basic/index)."""

    def __init__(self, client_version: str) -> None:
        self._meta = msgspec.json.encode(
            {
                f"{_KEY}protocolVersion": LATEST,
                f"{_KEY}clientInfo": {"name": "mcpproxy-tray", "version": client_version},
                f"{_KEY}clientCapabilities": {},
            }
        )

    def params(self, members: bytes = b"") -> bytes:
        """``members`` as in ``"cursor":"x"``, without braces."""
        return b'{"_meta":%b%b%b}' % (self._meta, b"," if members else b"", members)


def hello_of(reply: Reply | None) -> Hello | None:
    """What ``server/discover`` told (2026-07-28, server/discover); None if it is no such answer."""
    if reply is None or reply.result is None:
        return None
    try:
        said = msgspec.json.decode(reply.result, type=_Discovered)
    except msgspec.DecodeError:
        return None
    common = [version for version in STATELESS_VERSIONS if version in said.supported_versions]
    if not common:
        return None
    return Hello(
        protocol_version=common[-1],
        capabilities=msgspec.json.encode(said.capabilities),
        server_info=bytes(said.server_info or said.meta.server_info),
        instructions=bytes(said.instructions),
        declares=frozenset(said.capabilities),
        promises_list_changed=frozenset(
            name for name, raw in said.capabilities.items() if promises_changes(raw)
        ),
        rest=rest_of(reply.result),
    )


def is_spoken(error: bytes | memoryview | None) -> bool:
    """Whether a server refused a version, but offers one that we speak (2026-07-28, basic)."""
    if error is None:
        return False
    try:
        said = msgspec.json.decode(error, type=_VersionRefused)
    except msgspec.DecodeError:
        return False
    offered = said.data.supported
    return said.code == UNSUPPORTED_VERSION and any(v in offered for v in STATELESS_VERSIONS)


def promises_changes(raw: msgspec.Raw) -> bool:
    """Whether a capability says that a list's changes are told."""
    try:
        return msgspec.json.decode(raw, type=_Capability).list_changed
    except msgspec.DecodeError:
        return False

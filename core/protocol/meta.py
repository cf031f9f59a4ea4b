"""What a request of the stateless era says of its client, in ``params._meta``.

MCP 2026-07-28, basic: every request names its protocol version and the client's capabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from core.protocol.codes import LATEST_STATELESS

PREFIX = "io.modelcontextprotocol/"
VERSION = PREFIX + "protocolVersion"
CAPABILITIES = PREFIX + "clientCapabilities"
CLIENT_INFO = PREFIX + "clientInfo"
LOG_LEVEL = PREFIX + "logLevel"
SUBSCRIPTION_ID = PREFIX + "subscriptionId"
SERVER_INFO = PREFIX + "serverInfo"

CONNECTION_KEYS = frozenset({VERSION, CAPABILITIES, CLIENT_INFO, LOG_LEVEL})
"""Keys that speak of the connection to the next party only, and never travel further."""

RETRY_MEMBERS = frozenset({"inputResponses", "requestState"})
"""Members of ``params`` with which a request is sent again, once it was answered by questions."""

_VERSION_KEY = VERSION.encode()

Object = dict[str, msgspec.Raw]
_object = msgspec.json.Decoder(Object)


class WrongMeta(ValueError):
    """The request does not say of itself what it has to; ``str()`` says what is missing."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one request of the stateless era says of itself; the last three are JSON or empty."""

    version: str
    capabilities: bytes
    client_info: bytes = b""
    log_level: str = ""


def mentions_version(params: bytes) -> bool:
    """Whether a request seems to be of the stateless era, judged without reading it."""
    return _VERSION_KEY in params


def terms_of(params: bytes) -> Terms:
    """Read ``_meta``. Raises WrongMeta."""
    meta = members_of(members_of(params).get("_meta", msgspec.Raw()))
    missing = [key for key in (VERSION, CAPABILITIES) if key not in meta]
    if missing:
        raise WrongMeta(f"params._meta must be an object with {' and '.join(missing)}")
    try:
        version = msgspec.json.decode(meta[VERSION], type=str)
        level = msgspec.json.decode(meta.get(LOG_LEVEL, b'""'), type=str)
        _object.decode(meta[CAPABILITIES])
    except msgspec.DecodeError as error:
        raise WrongMeta(f"params._meta: {error}") from None
    info = bytes(meta.get(CLIENT_INFO, b""))
    return Terms(version, bytes(meta[CAPABILITIES]), info, level)


def members_of(raw: bytes | msgspec.Raw) -> Object:
    """The members of a JSON object; none when it is absent or something else."""
    try:
        return _object.decode(raw) if raw else {}
    except msgspec.DecodeError:
        return {}


def without_terms(params: bytes) -> bytes:
    """The params of a stateless request as a server with a session understands them."""
    members = members_of(params)
    meta = members_of(members.get("_meta", msgspec.Raw()))
    kept = {key: raw for key, raw in meta.items() if key not in CONNECTION_KEYS}
    rest = {key: raw for key, raw in members.items() if key not in RETRY_MEMBERS}
    rest.pop("_meta", None)
    if kept:
        rest["_meta"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(rest) if rest else b""


def with_terms(params: bytes, terms: Terms, more: Mapping[str, object] | None = None) -> bytes:
    """The params of a request as a stateless server wants them; ``more`` replaces members."""
    members: dict[str, object] = dict(members_of(params))
    raw = members.get("_meta", msgspec.Raw())
    meta: dict[str, object] = dict(members_of(raw if isinstance(raw, msgspec.Raw) else b""))
    meta[VERSION] = terms.version or LATEST_STATELESS
    meta[CAPABILITIES] = msgspec.Raw(terms.capabilities or b"{}")
    if terms.client_info:
        meta[CLIENT_INFO] = msgspec.Raw(terms.client_info)
    if terms.log_level:
        meta[LOG_LEVEL] = terms.log_level
    members["_meta"] = meta
    return msgspec.json.encode({**members, **(more or {})})

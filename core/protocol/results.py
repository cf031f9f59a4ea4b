"""Results and errors of one era in the words of the other, spliced and never re-modelled."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from core.protocol.codes import Code
from core.protocol.meta import SERVER_INFO, members_of

Payload = bytes | memoryview | msgspec.Raw

CACHEABLE = frozenset(
    {
        *("server/discover", "tools/list", "prompts/list", "resources/list"),
        *("resources/templates/list", "resources/read"),
    }
)
"""Methods whose results say how long they hold (MCP 2026-07-28, server/utilities/caching)."""

_END = 4096  # bytes of each end of a large result that are searched
_TYPE = re.compile(rb'"resultType"\s*:\s*"([^"]*)"')
_STAMP = b'"resultType":"complete"'
_UNCACHED = _STAMP + b',"ttlMs":0,"cacheScope":"private"'


def result_type(result: Payload) -> str:
    """``complete``, ``input_required`` or an extension's (MCP 2026-07-28, basic#results)."""
    whole = memoryview(result)
    parts = (whole,) if len(whole) <= 2 * _END else (whole[:_END], whole[-_END:])
    if not any(_TYPE.search(part) for part in parts):
        return "complete"
    # The words may stand deeper inside; only the outermost member counts.
    try:
        return msgspec.json.decode(result, type=_Typed).result_type
    except msgspec.DecodeError:
        return "complete"


class _Typed(msgspec.Struct, rename="camel"):
    result_type: str = "complete"


def completed(result: Payload, method: str) -> bytes:
    """A result of a server with a session as the stateless era wants it.

    Such a server tells when its lists change, and nothing else of how long they hold.
    """
    whole = bytes(result)
    stamp = _UNCACHED if method in CACHEABLE else _STAMP
    rest = whole.lstrip()[1:].lstrip()
    if not whole.lstrip().startswith(b"{"):
        return whole
    if b'"resultType"' in whole or (method in CACHEABLE and b'"ttlMs"' in whole):
        members = {**members_of(b"{%b}" % stamp), **members_of(whole)}
        return msgspec.json.encode(members)
    if rest.startswith(b"}"):
        return b"{%b}" % stamp
    return b"".join((b"{", stamp, b",", rest))


class Asked(msgspec.Struct, frozen=True):
    """One of the server's requests inside an ``input_required`` result."""

    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _InputRequired(msgspec.Struct, rename="camel"):
    input_requests: dict[str, Asked] = {}
    request_state: str | None = None


def questions(result: Payload) -> tuple[dict[str, Asked], str | None]:
    """What an ``input_required`` result asks, by key, and its state. Raises DecodeError."""
    read = msgspec.json.decode(result, type=_InputRequired)
    return read.input_requests, read.request_state


def input_required(asked: Mapping[str, Asked], state: str) -> bytes:
    """A result that asks the client (MCP 2026-07-28, basic/patterns/mrtr)."""
    members = {"resultType": "input_required", "inputRequests": asked, "requestState": state}
    return msgspec.json.encode(members)


_INTRODUCTION = frozenset(
    {
        *("protocolVersion", "supportedVersions", "capabilities", "serverInfo", "instructions"),
        *("resultType", "ttlMs", "cacheScope"),
    }
)


def rest_of(introduction: Payload) -> bytes:
    """What a server said of itself beside all that has a name; JSON, or empty."""
    members = members_of(bytes(introduction))
    rest = {name: raw for name, raw in members.items() if name not in _INTRODUCTION}
    meta = members_of(rest.pop("_meta", b""))
    meta.pop(SERVER_INFO, None)
    if meta:
        rest["_meta"] = msgspec.Raw(msgspec.json.encode(meta))
    return msgspec.json.encode(rest) if rest else b""


class ErrorObject(msgspec.Struct):
    """An error as both eras have it."""

    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw()


def error_of(raw: Payload) -> ErrorObject | None:
    """Read an error object, or None when it is none."""
    try:
        return msgspec.json.decode(raw, type=ErrorObject)
    except msgspec.DecodeError:
        return None


def recoded(raw: Payload, code: Code) -> bytes:
    """The same error under another code."""
    members = members_of(bytes(raw))
    members["code"] = msgspec.Raw(b"%d" % code)
    return msgspec.json.encode(members)

"""URIs within results, changed where a client could not find its way back from them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.gateway.merged import with_ui_shown

Shown = Callable[[str], str]
"""From a server's own URI to the one that clients are told."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_uri = msgspec.json.Decoder(str)

Members = dict[str, msgspec.Raw]


def tool_result(result: bytes, shown: Shown) -> bytes:
    """The result of ``tools/call``: resource links, embedded resources, ``ui.resourceUri``."""
    return _changed(result, "content", lambda item: _content(item, shown), shown)


def prompt_result(result: bytes, shown: Shown) -> bytes:
    """The result of ``prompts/get``."""
    return _changed(result, "messages", lambda item: _message(item, shown), shown)


def resource_result(result: bytes, shown: Shown) -> bytes:
    """The result of ``resources/read``."""
    return _changed(result, "contents", lambda item: _with_uri(item, shown), shown)


def _changed(
    result: bytes, member: str, item: Callable[[msgspec.Raw], msgspec.Raw | None], shown: Shown
) -> bytes:
    """The result with some items of one member changed; the same bytes if none has to be."""
    if b'"uri"' not in result and b"resourceUri" not in result:
        return result
    try:
        members = _members.decode(result)
        items = _items.decode(members.get(member, b"[]"))
        told = [item(raw) for raw in items]
        meta = with_ui_shown(members.get("_meta"), shown)
    except msgspec.DecodeError:
        return result  # what it is, is between the server and the client
    if meta is None and all(each is None for each in told):
        return result
    if meta is not None:
        members["_meta"] = meta
    kept = [old if new is None else new for old, new in zip(items, told, strict=True)]
    members[member] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(members)


def _content(raw: msgspec.Raw, shown: Shown) -> msgspec.Raw | None:
    members = _members.decode(raw)
    match bytes(members.get("type", b"")):
        case b'"resource_link"':
            return _uri_shown(members, shown)
        case b'"resource"':
            return _within(members, "resource", lambda inner: _with_uri(inner, shown))
        case _:
            return None


def _message(raw: msgspec.Raw, shown: Shown) -> msgspec.Raw | None:
    return _within(_members.decode(raw), "content", lambda inner: _content(inner, shown))


def _with_uri(raw: msgspec.Raw, shown: Shown) -> msgspec.Raw | None:
    return _uri_shown(_members.decode(raw), shown)


def _within(
    members: Members, name: str, change: Callable[[msgspec.Raw], msgspec.Raw | None]
) -> msgspec.Raw | None:
    if name not in members or (told := change(members[name])) is None:
        return None
    members[name] = told
    return msgspec.Raw(msgspec.json.encode(members))


def _uri_shown(members: Members, shown: Shown) -> msgspec.Raw | None:
    if "uri" not in members:
        return None
    own = _uri.decode(members["uri"])
    told = shown(own)
    if told == own:
        return None
    members["uri"] = msgspec.Raw(msgspec.json.encode(told))
    return msgspec.Raw(msgspec.json.encode(members))

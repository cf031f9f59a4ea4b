"""Answers no longer than a model should have to read, and the rest of them for whoever asks.

``tool_response_limit`` counts characters of text. What is cut off stays readable for two hours
under the key that the answer names.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from core.ports import Cache
from core.protocol.calls import Reply

KEPT_FOR = 2 * 3600.0  # seconds
NOTICE = 200  # characters that telling of the rest takes at most
PAGE = 20_000  # characters of ``read_cache`` where answers have no limit
LARGE = 256 * 1024  # bytes, from which on a thread does the work


class _Resource(msgspec.Struct):
    uri: str = ""
    text: str | None = None


class _Item(msgspec.Struct):
    type: str
    text: str = ""
    resource: _Resource = msgspec.field(default_factory=_Resource)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_item = msgspec.json.Decoder(_Item)
_text = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class _Long:
    """A result that is too long."""

    text: str
    structured: str  # as a rule the same once more, for programs
    items: list[msgspec.Raw]
    others: list[msgspec.Raw]  # of the items, those that are not text: they are not cut
    members: dict[str, msgspec.Raw]  # of the result, without its content


class Cutter:
    """Cuts answers and gives the rest; ``limit`` is the number of characters now, 0 for none."""

    def __init__(self, cache: Cache, limit: Callable[[], int]) -> None:
        self._cache = cache
        self._limit = limit

    @property
    def limit(self) -> int:
        return self._limit()

    def fits(self, reply: Reply) -> bool:
        """Whether a reply to a tool call is surely no longer than the limit."""
        limit = self._limit()
        return not limit or reply.result is None or len(reply.result) <= limit

    async def shape(self, reply: Reply) -> Reply:
        """The reply to a tool call, cut if it is longer than the limit."""
        limit = self._limit()
        result = reply.result
        if result is None or self.fits(reply):
            return reply
        if len(result) > LARGE:
            long = await asyncio.to_thread(_measured, bytes(result), limit)
        else:
            long = _measured(bytes(result), limit)
        if long is None:
            return reply
        key = new_key()
        if len(long.text) <= limit and long.text:
            kept = long.structured
            notice = (
                f"[structuredContent is left out, {len(kept)} characters: "
                f'read_cache(key="{key}"), for 2 hours.]'
            )
            content = [*long.items, _as_text(notice)]
        else:
            kept = "\n[structuredContent]\n".join(filter(None, (long.text, long.structured)))
            end = _page(limit)
            notice = (
                f"[Cut: characters 0 to {end} of {len(kept)}. "
                f'The rest: read_cache(key="{key}", offset={end}), for 2 hours.]'
            )
            content = [_as_text(kept[:end]), _as_text(notice), *long.others]
        await self.keep(key, kept)
        return Reply(result=msgspec.json.encode({"content": content, **long.members}))

    async def keep(self, key: str, text: str) -> None:
        """Have a text readable under a new key."""
        await self._cache.put(key, text.encode(errors="surrogatepass"), KEPT_FOR)

    async def read(self, key: str, offset: int, limit: int | None) -> tuple[str, str] | None:
        """A page of what was cut off, and a sentence on where it is from; None if unknown."""
        data = await self._cache.get(key)
        if data is None:
            return None
        most = _page(self._limit() or PAGE + NOTICE)
        size = most if limit is None else max(1, min(limit, most))
        text, total = await asyncio.to_thread(_slice, data, offset, size)
        end = offset + len(text)
        rest = f"Next: offset={end}." if end < total else "That is the end."
        return text, f"[Characters {offset} to {end} of {total}. {rest}]"


def new_key() -> str:
    """A name for what is kept, which nobody can guess."""
    return secrets.token_urlsafe(16)


def _page(limit: int) -> int:
    """How much text fits beside the notice."""
    return max(limit - NOTICE, limit // 2)


def _slice(data: bytes, offset: int, size: int) -> tuple[str, int]:
    text = data.decode(errors="surrogatepass")
    return text[offset : offset + size], len(text)


def _measured(result: bytes, limit: int) -> _Long | None:
    """What has to be cut; None when the result is short enough, or no finished tool result."""
    try:
        members = _members.decode(result)
        if _text.decode(members.get("resultType", b'"complete"')) != "complete":
            return None
        items = _items.decode(members.pop("content", b"[]"))
        read = [_item.decode(raw) for raw in items]
    except msgspec.DecodeError:
        return None
    texts: list[str] = []
    others: list[msgspec.Raw] = []
    for raw, item in zip(items, read, strict=True):
        if item.type == "text":
            texts.append(item.text)
        elif item.type == "resource" and item.resource.text is not None:
            texts.append(f"[{item.resource.uri}]\n{item.resource.text}")
        else:
            others.append(raw)
    structured = bytes(members.pop("structuredContent", b"")).decode()
    if sum(map(len, texts)) + len(structured) <= limit:
        return None
    text = "\n".join(texts)
    if structured and _says_the_same(text, structured):
        structured = "" if len(text) > limit else structured
    return _Long(text, structured, items, others, members)


def _says_the_same(text: str, structured: str) -> bool:
    """Whether the text is the structured content, as servers are advised to write it."""
    try:
        return bool(msgspec.json.decode(text) == msgspec.json.decode(structured))
    except msgspec.DecodeError:
        return False


def _as_text(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"type": "text", "text": text}))

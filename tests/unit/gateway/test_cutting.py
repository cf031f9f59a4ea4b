"""Long answers: what is cut, what is kept, and that nothing of them is ever lost."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.gateway.cutting import Cutter
from core.protocol.calls import Reply

Json = dict[str, Any]


class Kept:
    """Implements ``core.ports.Cache`` in memory."""

    def __init__(self) -> None:
        self.by_key: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        assert ttl == 7200
        self.by_key[key] = data

    async def get(self, key: str) -> bytes | None:
        return self.by_key.get(key)


async def shaped(result: Any, limit: int, kept: Kept | None = None) -> Json:
    raw = result if isinstance(result, bytes) else json.dumps(result).encode()
    reply = await Cutter(kept or Kept(), lambda: limit).shape(Reply(result=raw))
    assert reply.result is not None
    if bytes(reply.result) == raw:
        return {"unchanged": True}
    cut: Json = json.loads(bytes(reply.result))
    return cut


def text(value: str) -> Json:
    return {"type": "text", "text": value}


async def test_what_is_short_enough_stays_as_it_is() -> None:
    """No limit, a short text, questions to the client, errors and nonsense are left alone."""
    long = {"content": [text("x" * 999)]}
    for result, limit in (
        (long, 0),
        (long, 999),
        ({**long, "resultType": "input_required"}, 100),
        ({"content": [{"type": "image", "data": "x" * 999}]}, 100),
        ({"content": 5, "x": "x" * 999}, 100),
        (b"[" + b" " * 999 + b"]", 100),
    ):
        assert await shaped(result, limit) == {"unchanged": True}
    error = Reply(error=b"{" + b" " * 999 + b"}")
    assert await Cutter(Kept(), lambda: 100).shape(error) is error


async def test_pictures_and_flags_survive_a_cut() -> None:
    """Only text is cut; other content, isError and _meta are as they were."""
    picture = {"type": "image", "data": "abc", "mimeType": "image/png"}
    embedded = {"type": "resource", "resource": {"uri": "a://b", "text": "y" * 900}}
    content = [text("x" * 900), picture, embedded]
    result = {"content": content, "isError": True, "_meta": {"a": 1}}
    kept = Kept()
    cut = await shaped(result, 600, kept)
    assert (cut["isError"], cut["_meta"]) == (True, {"a": 1})
    beginning, notice, other = cut["content"]
    assert other == picture
    assert beginning == text("x" * 400)
    assert "characters 0 to 400 of 1809" in notice["text"]
    (whole,) = kept.by_key.values()
    assert whole.decode() == "x" * 900 + "\n[a://b]\n" + "y" * 900


@given(
    st.lists(st.text(max_size=300), max_size=5),
    st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=300), max_size=3),
    st.integers(400, 900),
)
async def test_nothing_is_lost(texts: list[str], structured: Any, limit: int) -> None:
    """All text there was can be read, in order, in pages within the limit."""
    result: Json = {"content": [text(each) for each in texts]}
    if structured is not None:
        result["structuredContent"] = structured
    kept = Kept()
    cut = await shaped(result, limit, kept)
    if "unchanged" in cut:
        assert not kept.by_key
        return
    shown = sum(len(item["text"]) for item in cut["content"])
    ((key, data),) = kept.by_key.items()
    cutter = Cutter(kept, lambda: limit)
    read = ""
    for _ in range(100):
        page = await cutter.read(key, len(read), None)
        assert page is not None
        assert len(page[0]) + len(page[1]) <= limit
        read += page[0]
        if "That is the end" in page[1]:
            break
    assert read == data.decode()
    if "structuredContent is left out" in cut["content"][-1]["text"]:
        assert [item["text"] for item in cut["content"][:-1]] == texts
        assert json.loads(read) == structured
    else:
        assert shown <= limit
        both = ["\n".join(texts)] if any(texts) or len(texts) > 1 else []
        if structured is not None:
            both.append(json.dumps(structured))
        assert read == "\n[structuredContent]\n".join(both)


async def test_a_text_that_is_the_structured_content_is_kept_once() -> None:
    """Servers are advised to say structured content as text too; nobody needs it twice."""
    data = {"items": ["x" * 10] * 100}
    kept = Kept()
    spaced = json.dumps(data, indent=1)
    cut = await shaped({"content": [text(spaced)], "structuredContent": data}, 600, kept)
    assert "structuredContent" not in cut
    (whole,) = kept.by_key.values()
    assert whole.decode() == spaced

"""What the stdio bridge reads of messages and streams, and the little that it writes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from tray_app.stdio.messages import (
    error_in,
    events,
    is_answer_to,
    list_changed,
    negotiated,
    read,
)

TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), min_size=1)


async def all_events(parts: list[bytes]) -> list[bytes]:
    async def arriving() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return [event async for event in events(arriving())]


@given(st.lists(TEXTS, max_size=5), st.integers(1, 9), st.sampled_from(["\n", "\r\n"]))
async def test_events_are_the_same_however_they_are_cut(
    texts: list[str], size: int, newline: str
) -> None:
    """Every event's data arrives once, whole and in order; comments and ids are no events."""
    stream = ": hello" + newline * 2
    for text in texts:
        stream += f"id: 7{newline}event: message{newline}data: {text}{newline * 2}"
    data = stream.encode()
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    assert await all_events(parts) == [text.encode() for text in texts]


async def test_data_on_several_lines_is_one_event() -> None:
    """A message that was printed with line breaks comes out as one line."""
    assert await all_events([b'data: {"a":\ndata: 1}\n\n', b"data:\n\n"]) == [b'{"a": 1}']


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
MEMBERS = st.sampled_from(["id", "method", "params", "_meta", "name", "result"]) | st.text()
VALUES = st.recursive(LEAVES, lambda sub: st.lists(sub) | st.dictionaries(MEMBERS, sub))


@given(VALUES)
def test_no_json_is_misread(value: object) -> None:
    """Whatever JSON a client writes is either a message or said to be none."""
    message = read(json.dumps(value).encode())
    assert (message is None) == (not isinstance(value, dict) or not fits(value))


def fits(value: dict[str, object]) -> bool:
    return isinstance(value.get("method", ""), str)


def test_an_answer_is_known_by_its_id() -> None:
    """Ids are compared as JSON values; a request with the same id is no answer."""
    assert is_answer_to(b'{"id":"\\u0061","result":{}}', b'"a"')
    assert is_answer_to(b'{"id": 1,"error":{}}', b"1")
    assert not is_answer_to(b'{"id":1,"method":"ping"}', b"1")
    assert not is_answer_to(b'{"id":"1","result":{}}', b"1")
    assert not is_answer_to(b"[]", b"1")


def test_the_engine_s_refusals_keep_their_words() -> None:
    """A JSON-RPC error without the request's id gets it; data and code stay."""
    refusal = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"No.","data":[1]}}'
    answer = json.loads(error_in(refusal, b'"x"'))
    assert (answer["id"], answer["error"]) == ("x", json.loads(refusal)["error"])


def test_what_was_promised_is_what_is_told_after_a_loss() -> None:
    """Only lists whose changes the engine tells of are said to have changed."""
    result = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {"listChanged": True}, "prompts": {}, "resources": {"a": 1}},
    }
    assert negotiated(json.dumps(result).encode()) == ("2025-11-25", ["tools"])
    assert json.loads(list_changed("tools"))["method"] == "notifications/tools/list_changed"

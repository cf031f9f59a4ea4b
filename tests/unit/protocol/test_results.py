"""Results and errors of one era in the words of the other."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol.codes import Code
from core.protocol.results import (
    Asked,
    completed,
    error_of,
    input_required,
    questions,
    recoded,
    rest_of,
    result_type,
)

MEMBERS = st.dictionaries(st.text(max_size=6), st.integers() | st.text(max_size=6), max_size=4)


@given(MEMBERS, st.sampled_from(["tools/call", "tools/list"]), st.sampled_from([None, 2]))
def test_a_result_gets_what_it_lacks_and_keeps_what_it_has(
    members: dict[str, Any], method: str, indent: int | None
) -> None:
    """Every member stays, whoever wrote it, and the era's own are added once."""
    done = json.loads(completed(json.dumps(members, indent=indent).encode(), method))
    stamps = {"resultType": "complete"}
    if method == "tools/list":
        stamps |= {"ttlMs": 0, "cacheScope": "private"}
    assert done == {**stamps, **members}


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (b"{}", "complete"),
        (b'{"resultType":"input_required"}', "input_required"),
        (b'{ "a" : 1, "resultType" : "task" }', "task"),
        (b'{"structuredContent":{"resultType":"input_required"}}', "complete"),
        (b'{"text":"\\"resultType\\":\\"input_required\\""}', "complete"),
        (b'{"text":"%b","resultType":"input_required"}' % (b"x" * 20000), "input_required"),
        (b"[]", "complete"),
    ],
)
def test_the_type_of_a_result_is_its_outermost_member(result: bytes, kind: str) -> None:
    """Absent means complete, and words inside the payload mean nothing."""
    assert result_type(result) == kind
    assert result_type(memoryview(result)) == kind


def test_questions_are_read_as_they_are_written() -> None:
    """Methods and params come back by key, with the state."""
    asked = {"a": Asked("roots/list"), "b": Asked("x/y", msgspec.Raw(b'{"z":[1]}'))}
    assert questions(input_required(asked, "state")) == (asked, "state")
    assert questions(b'{"requestState":"s"}') == ({}, "s")
    with pytest.raises(msgspec.DecodeError):
        questions(b'{"inputRequests":{"a":{}}}')


def test_an_error_changes_its_code_and_nothing_else() -> None:
    """Message, data and members nobody knows are kept."""
    error = {"code": -32002, "message": "m", "data": {"uri": "a"}, "more": [1]}
    raw = json.dumps(error).encode()
    changed = json.loads(recoded(raw, Code.INVALID_PARAMS))
    assert changed == {**error, "code": -32602}
    read = error_of(raw)
    assert read is not None
    assert (read.code, read.message) == (-32002, "m")
    assert error_of(b"5") is None


def test_what_has_no_name_in_an_introduction_is_kept_apart() -> None:
    """Members and ``_meta`` nobody knows remain; what is said in every era's own way does not."""
    known = {"protocolVersion": "v", "capabilities": {}, "serverInfo": {}, "instructions": "i"}
    assert rest_of(json.dumps(known).encode()) == b""
    own = {"_meta": {"x/y": 1}, "greeting": [1]}
    said = {**known, "ttlMs": 5, **own}
    assert json.loads(rest_of(json.dumps(said).encode())) == own
    server_info = {"_meta": {"io.modelcontextprotocol/serverInfo": {"name": "n"}}}
    assert rest_of(json.dumps({**known, **server_info}).encode()) == b""

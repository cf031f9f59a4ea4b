"""Which trace a request belongs to: only what W3C calls valid counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol.trace import Trace, parse, trace_id_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"


def test_a_valid_one_is_taken_apart() -> None:
    """Trace Context's own example."""
    assert parse(GOOD) == Trace(TRACE, PARENT, "01")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        GOOD.upper(),
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01",
        GOOD[:-1],
        f"{GOOD}0",
        f"{GOOD}\n",
        f"{GOOD}-more",
        f" {GOOD}",
        f"{GOOD},{GOOD}",
        GOOD.replace("-", "_"),
        GOOD.replace("0af", "\u0660af"),
    ],
)
def test_what_is_not_valid_is_no_trace(wrong: str) -> None:
    """Another version, case, length or alphabet, ids of zeros, or two at once."""
    assert parse(wrong) is None
    assert trace_id_of(json.dumps({"_meta": {"traceparent": wrong}}).encode()) == ""


@given(st.text(max_size=60))
def test_any_text_is_judged_without_a_stumble(text: str) -> None:
    """What is accepted is exactly as long and as written as it has to be."""
    found = parse(text)
    assert found is None or text == f"00-{found.trace_id}-{found.parent_id}-{found.flags}"


@pytest.mark.parametrize(
    ("params", "trace"),
    [
        ({"name": "x", "_meta": {"traceparent": GOOD}}, TRACE),
        ({"_meta": {"traceparent": GOOD, "progressToken": 1}, "arguments": {}}, TRACE),
        ({"arguments": {"traceparent": GOOD}}, ""),
        ({"arguments": {"_meta": {"traceparent": GOOD}}}, ""),
        ({"_meta": {"traceparent": 5}}, ""),
        ({"_meta": ["traceparent"]}, ""),
        (["traceparent"], ""),
        ({}, ""),
    ],
)
def test_only_meta_names_the_trace_of_a_request(params: object, trace: str) -> None:
    """An argument of that name is none of our business."""
    assert trace_id_of(json.dumps(params).encode()) == trace


def test_params_that_are_no_json_have_no_trace() -> None:
    """Whoever sent them is told elsewhere."""
    assert trace_id_of(b"") == ""
    assert trace_id_of(b'{"traceparent"') == ""

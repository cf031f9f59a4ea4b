"""Trace context on its way to a server: valid as it was, and no more of it than it may see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.gateway.trace import checked

Json = dict[str, Any]

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def passed_on(meta: Json, *, remote: bool = False) -> Json:
    """What is left of a ``_meta``; everything else must be as it was."""
    params = {"name": "x", "arguments": {"traceparent": "mine"}, "_meta": meta}
    left: Json = json.loads(checked(json.dumps(params).encode(), remote=remote))
    kept: Json = left.pop("_meta")
    del params["_meta"]
    assert left == params
    return kept


def test_what_is_valid_is_passed_on_byte_for_byte() -> None:
    """With its state, and beside whatever else is in ``_meta``."""
    meta = {"traceparent": GOOD, "tracestate": "a=1,b=2", "progressToken": 7, "com.example/x": [1]}
    params = json.dumps({"_meta": meta}).encode()
    assert checked(params, remote=True) == params


@pytest.mark.parametrize("wrong", ["", "garbage", GOOD.upper(), f"00-{'0' * 32}-{'1' * 16}-01", 5])
def test_garbage_is_never_passed_on(wrong: object) -> None:
    """Neither it nor the state that belongs to it; what else is there stays."""
    meta = {"traceparent": wrong, "tracestate": "a=1", "progressToken": 7}
    assert passed_on(meta) == {"progressToken": 7}


@pytest.mark.parametrize("state", ["x" * 10_000, ",".join(["a=1"] * 33)])
def test_a_state_that_is_too_long_is_left_out(state: str) -> None:
    """Its parent is not."""
    assert passed_on({"traceparent": GOOD, "tracestate": state}) == {"traceparent": GOOD}


def test_baggage_is_not_told_to_others() -> None:
    """A server on this machine may have it, one reached by URL may not."""
    meta = {"traceparent": GOOD, "baggage": "user=me"}
    assert passed_on(meta, remote=False) == meta
    assert passed_on(meta, remote=True) == {"traceparent": GOOD}


def test_of_two_the_one_that_was_judged_is_passed_on() -> None:
    """Readers differ in which of two equal names counts, so only one is left."""
    params = f'{{"_meta":{{"traceparent":"garbage","traceparent":"{GOOD}"}}}}'.encode()
    told = checked(params, remote=False)
    assert told.count(b"traceparent") == 1
    assert json.loads(told) == {"_meta": {"traceparent": GOOD}}

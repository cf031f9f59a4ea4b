"""Trace context on its way through: unchanged where valid, gone where not, all else untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gateway.trace import STATE_LONGEST, STATE_MEMBERS, checked

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def passed(remote: bool = False, **meta: object) -> dict[str, Any]:
    params = json.dumps({"name": "t", "_meta": {"other": [1], **meta}}).encode()
    found: dict[str, Any] = json.loads(checked(params, remote=remote))
    assert found["name"] == "t"
    assert found["_meta"].pop("other") == [1]
    left: dict[str, Any] = found["_meta"]
    return left


def test_a_valid_context_is_passed_on_as_it_is() -> None:
    """Byte for byte, with state and, to servers on this machine, baggage."""
    context = {"traceparent": PARENT, "tracestate": "a=1,b=2", "baggage": "user=1"}
    raw = json.dumps({"_meta": context}).encode()
    assert checked(raw, remote=False) == raw
    assert passed(remote=True, **context) == {"traceparent": PARENT, "tracestate": "a=1,b=2"}


@pytest.mark.parametrize(
    "parent",
    [
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "0",
        "01" + PARENT[2:],
        "00-" + "0" * 32 + PARENT[35:],
        PARENT[:36] + "0" * 16 + PARENT[52:],
        "",
        5,
        None,
    ],
)
def test_garbage_is_never_passed_on(parent: object) -> None:
    """Upper case, a wrong length, all zeros, another version, no text: and no state either."""
    assert passed(traceparent=parent, tracestate="a=1", baggage="b=1") == {"baggage": "b=1"}


def test_a_state_is_bounded() -> None:
    """512 characters and 32 members, as the standard has it; the parent stays."""
    long = "a=" + "x" * (STATE_LONGEST - 1)
    many = ",".join(f"a{n}=1" for n in range(STATE_MEMBERS + 1))
    for state in (long, many, "a=" + "x" * 10_000):
        assert passed(traceparent=PARENT, tracestate=state) == {"traceparent": PARENT}


def test_what_stands_twice_is_made_one() -> None:
    """Two readers of one message could otherwise believe different parents."""
    other = PARENT.replace("7", "8")
    raw = b'{"_meta":{"traceparent":"%b","traceparent":"%b"}}' % (other.encode(), PARENT.encode())
    assert checked(raw, remote=False).count(b"traceparent") == 1


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(), max_size=3))
def test_other_params_are_the_same_bytes(members: dict[str, Any]) -> None:
    """What mentions no trace context, or only in an argument, is not even read again."""
    raw = json.dumps({**members, "arguments": {"traceparent": 5}}).encode()
    assert checked(raw, remote=True) == raw

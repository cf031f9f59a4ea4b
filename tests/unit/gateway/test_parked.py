"""Calls that wait for a person: found by their own request only, once, and not for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gateway.parked import PARKED_MOST, Intent, Parked
from core.gateway.refusal import Refusal


class Waits:
    """A call that knows why it was given up."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def cancel(self, reason: str) -> None:
        self.cancelled.append(reason)


def intent(principal: bytes = b"p", surface: str = "s/one", **params: Any) -> Intent:
    return Intent(principal, surface, "tools/call", json.dumps(params).encode())


def parked() -> Parked[Waits]:
    return Parked()


async def test_a_call_is_taken_once_by_the_same_request() -> None:
    """Answers, state and _meta may differ; who asks, where, and for what may not."""
    calls, call = parked(), Waits()
    first = intent(name="t", arguments={"a": 1}, _meta={"x": 1})
    state = calls.put(call, first)
    others = [
        intent(b"other", name="t", arguments={"a": 1}),
        intent(surface="s/two", name="t", arguments={"a": 1}),
        intent(name="u", arguments={"a": 1}),
        intent(name="t", arguments={"a": 2}),
        intent(name="t", arguments={"a": 1}, more=1),
        Intent(b"p", "s/one", "prompts/get", first.params),
    ]
    for other in others:
        with pytest.raises(Refusal, match="not given for this request"):
            calls.take(state, other)
    again = intent(arguments={"a": 1}, name="t", requestState=state, inputResponses={}, _meta={})
    assert calls.take(state, again) is call
    with pytest.raises(Refusal, match="Nothing waits"):
        calls.take(state, again)
    calls.close()


async def test_a_state_of_another_run_or_that_was_changed_is_worthless() -> None:
    """The key is made anew at every start, and every character of the state counts."""
    calls, call = parked(), Waits()
    state = calls.put(call, intent(name="t"))
    for place in range(len("mpt1."), len(state)):
        changed = state[:place] + ("A" if state[place] != "A" else "B") + state[place + 1 :]
        with pytest.raises(Refusal):
            calls.take(changed, intent(name="t"))
    with pytest.raises(Refusal):
        parked().take(state, intent(name="t"))
    assert calls.take(calls.anew(intent(name="t")), intent(name="t")) is None
    assert calls.take(state, intent(name="t")) is call


async def test_they_are_bounded_and_given_up_at_the_end() -> None:
    """There is a most of them, and closing cancels what still waits."""
    calls = parked()
    waiting = [Waits() for _ in range(PARKED_MOST)]
    assert not calls.full
    for call in waiting:
        calls.put(call, intent())
    assert calls.full
    calls.close()
    assert [len(call.cancelled) for call in waiting] == [1] * PARKED_MOST
    assert len(calls) == 0


TEXTS = st.text(max_size=4)
INTENTS = st.builds(
    lambda principal, surface, method, params: Intent(
        principal, surface, method, json.dumps(params).encode()
    ),
    st.binary(max_size=3),
    TEXTS,
    TEXTS,
    st.dictionaries(TEXTS, st.integers(0, 2) | TEXTS, max_size=3),
)


@given(INTENTS, INTENTS)
def test_different_intents_have_different_digests(one: Intent, other: Intent) -> None:
    """No two that mean something else look the same, however their parts are cut."""
    left_out = {"inputResponses", "requestState", "_meta"}

    def meaning(each: Intent) -> object:
        params = {k: v for k, v in json.loads(each.params).items() if k not in left_out}
        return (each.principal, each.surface, each.method, params)

    assert (one.digest() == other.digest()) is (meaning(one) == meaning(other))

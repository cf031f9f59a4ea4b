"""How a tool call is counted: by what its result says of itself, wherever it says it."""

from __future__ import annotations

import json

import pytest

from core.gateway.record import END, outcome_of
from core.protocol.calls import Call, CallTimeout, Cancelled, ConnectionLost, Reply


def ended(reply: Reply | None = None, failure: Exception | None = None) -> str:
    call = Call()
    if reply is not None:
        call.finish(reply)
    if failure is not None:
        call.fail(failure)
    return outcome_of(call)


LONG = {"content": [{"type": "text", "text": 'say "isError":true ' * END}]}


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"content": []}, "success"),
        ({"content": [], "isError": False}, "success"),
        ({"content": [], "isError": True}, "tool_error"),
        ({"isError": True, "content": []}, "tool_error"),
        ({"content": [], "structuredContent": {"isError": True}}, "success"),
        ({"content": [{"type": "text", "text": '"isError": true'}]}, "success"),
        (LONG, "success"),
        ({**LONG, "isError": True}, "tool_error"),
        ({"isError": True, **LONG}, "tool_error"),
        ({**LONG, "isError": False}, "success"),
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_result_is_an_error_if_it_says_so(
    result: dict[str, object], outcome: str, separators: tuple[str, str]
) -> None:
    """The member counts, not the word in a text or in a nested object; spaces do not matter."""
    assert ended(Reply(result=json.dumps(result, separators=separators).encode())) == outcome


def test_errors_and_lost_calls_have_outcomes_of_their_own() -> None:
    """A JSON-RPC error and a call without an answer are told apart."""
    assert ended(Reply(error=b'{"code":-1,"message":"x"}')) == "rpc_error"
    assert ended(failure=ConnectionLost("x")) == "lost"
    assert ended(failure=CallTimeout("x")) == "timeout"
    assert ended(failure=Cancelled()) == "cancelled"
    assert ended() == "cancelled"

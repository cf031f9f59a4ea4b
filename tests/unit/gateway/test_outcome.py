"""How a tool call is counted: by what its result says of itself, wherever it says it."""

from __future__ import annotations

import json

import msgspec
import pytest

from core.gateway.record import END, Record, outcome_of
from core.protocol.calls import Call, CallTimeout, Cancelled, ConnectionLost, Reply
from core.telemetry.counters import MOST_TOOLS, OTHER_TOOLS, Counters


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
    raw = json.dumps(result, separators=separators).encode()
    for payload in (raw, memoryview(raw), msgspec.Raw(raw)):  # as the connections give it
        assert ended(Reply(result=payload)) == outcome


def test_errors_and_lost_calls_have_outcomes_of_their_own() -> None:
    """A JSON-RPC error and a call without an answer are told apart."""
    assert ended(Reply(error=b'{"code":-1,"message":"x"}')) == "rpc_error"
    assert ended(failure=ConnectionLost("x")) == "lost"
    assert ended(failure=CallTimeout("x")) == "timeout"
    assert ended(failure=Cancelled()) == "cancelled"
    assert ended() == "cancelled"


def test_a_server_that_keeps_renaming_its_tools_gets_only_so_many_series() -> None:
    """What is beyond is counted together; a removed server begins anew."""
    counters = Counters()
    record = Record(counters)
    for number in range(MOST_TOOLS + 5):
        call = Call()
        ended = record.call("s", f"tool{number}", b"{}", 0.0)
        call.finish(Reply(result=b"{}"))
        assert ended(call) == "success"
    assert len(counters.tool_calls.values) == MOST_TOOLS + 1
    assert counters.tool_calls.values["s", OTHER_TOOLS, "success"] == 5
    assert counters.tool_label("s", "tool7") == "tool7"
    counters.forget_server("s")
    assert counters.tool_label("s", "late") == "late"

"""Whose question a server asks: it reaches the one whose call led to it, or nobody."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from core.protocol.calls import Ask, Call, Hello, Reply
from core.upstream.asks import cause_of, owner_of_log
from core.upstream.multiplexer import OURS, Multiplexer
from core.upstream.pending import Limits, Lines, Pending


class Server:
    """A shared connection, what it wrote, and what a server says on it."""

    def __init__(self, timeout: float = 30.0) -> None:
        self.sent: list[dict[str, object]] = []
        self.told: list[str] = []
        self.session = Multiplexer(
            Lines(lambda line: self.sent.append(json.loads(line))),
            limits=lambda: Limits(16, timeout),
            violation=lambda kind, what: self.told.append(kind),
            notified=lambda method, params: self.told.append(method),
            hung=lambda hangs: None,
        )

    def call(self, caller: str, params: bytes = b"{}") -> Call:
        return self.session.start("tools/call", params, caller)

    def says(
        self, method: str, number: int | None = None, stream: int = 0, **params: object
    ) -> None:
        message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        self.session.received(json.dumps(message).encode(), stream)

    def answered(self, number: int) -> dict[str, object]:
        """What the server got for its question."""
        (message,) = (
            each for each in self.sent if each.get("id") == number and "method" not in each
        )
        return message


async def test_a_question_goes_to_the_newest_call_of_the_only_asker() -> None:
    """And its answer back, under the server's own id."""
    server = Server()
    older, newer = server.call("a"), server.call("a")
    server.says("elicitation/create", 7, message="?")
    assert older.asks == []
    (ask,) = newer.asks
    assert json.loads(ask.params) == {"message": "?"}
    ask.answer(Reply(result=b'{"action":"accept"}'))
    ask.answer(Reply(result=b'{"action":"again"}'))
    assert server.answered(7)["result"] == {"action": "accept"}


async def test_between_two_askers_nobody_is_asked() -> None:
    """The server is told why, at once, and the gateway learns that it asks."""
    server = Server()
    calls = [server.call("a"), server.call("b")]
    server.says("sampling/createMessage", 7)
    assert [call.asks for call in calls] == [[], []]
    assert "nobody can tell which client" in str(server.answered(7)["error"])
    assert (server.session.asks_clients, server.session.uses_roots) == (True, False)


async def test_who_says_not_who_it_is_is_not_asked() -> None:
    """A call without a caller could be anybody's; our own requests are nobody's."""
    server = Server()
    server.session.start("tools/list", b"", OURS)
    server.says("roots/list", 1)
    assert "error" in server.answered(1)
    assert (server.session.asks_clients, server.session.uses_roots) == (False, True)
    mine = server.call("a")
    server.says("roots/list", 2)
    assert len(mine.asks) == 1
    server.call("")
    server.says("roots/list", 3)
    assert "error" in server.answered(3)


async def test_the_stream_tells_whose_it_is() -> None:
    """Over HTTP a question comes on the stream of the call that caused it."""
    server = Server()
    first, second = server.call("a"), server.call("b")
    server.says("elicitation/create", 7, stream=first.upstream_id)
    assert [len(call.asks) for call in (first, second)] == [1, 0]


async def test_what_nobody_needs_any_more_is_answered_and_withdrawn() -> None:
    """When its call ends first, the server does not wait for ever."""
    server = Server()
    call = server.call("a")
    server.says("elicitation/create", 7)
    (ask,) = call.asks
    server.session.cancel(call, "gone")
    assert "is over" in str(server.answered(7)["error"])
    assert ask.withdrawn.done()
    ask.answer(Reply(result=b"{}"))
    assert server.session.questions_open == 0


async def test_a_server_may_take_its_question_back() -> None:
    """Its cancellation withdraws the question, and no answer follows."""
    server = Server()
    call = server.call("a")
    server.says("elicitation/create", 7)
    (ask,) = call.asks
    server.says("notifications/cancelled", requestId=7)
    assert ask.withdrawn.done()
    ask.answer(Reply(result=b"{}"))
    assert all(message.get("id") != 7 for message in server.sent)


async def test_a_private_connection_has_its_own_asker() -> None:
    """What belongs to no call is its client's all the same."""
    server = Server()
    asked: list[Ask] = []
    server.session.asks.alone = asked.append
    server.says("roots/list", 7)
    (ask,) = asked
    ask.answer(Reply(error=b'{"code":1,"message":"no"}'))
    assert server.answered(7)["error"] == {"code": 1, "message": "no"}


async def test_a_stateless_server_may_not_ask() -> None:
    """What it asks is counted and dropped (2026-07-28, basic)."""
    server = Server()
    server.session.hello = Hello("2026-07-28")
    call = server.call("a")
    server.says("elicitation/create", 7)
    assert call.asks == []
    assert server.told == ["unexpected_request"]


async def test_log_lines_go_to_whom_they_can_only_be_for() -> None:
    """To the only asker; in the stateless era to the only request that wanted some."""
    server = Server()
    mine = server.call("a")
    server.says("notifications/message", data=1)
    server.call("b")
    server.says("notifications/message", data=2)
    assert [json.loads(params)["data"] for _, params in mine.events] == [1]
    assert server.told == ["notifications/message"]
    server.session.hello = Hello("2026-07-28")
    wants = server.call("b", b'{"_meta":{"io.modelcontextprotocol/logLevel":"info"}}')
    server.says("notifications/message", data=3)
    assert [json.loads(params)["data"] for _, params in wants.events] == [3]
    server.call("a", b'{"_meta":{"io.modelcontextprotocol/logLevel":"info"}}')
    server.says("notifications/message", data=4)
    assert len(wants.events) == 1
    assert server.told == ["notifications/message"]


@given(st.lists(st.sampled_from(["a", "b", "", OURS]), max_size=6))
def test_a_question_never_reaches_another_asker(callers: list[str]) -> None:
    """Whatever is in flight: the one asker there is, or nobody."""
    pending = [Pending(Call(caller), "m", b"", 1.0, 0.0) for caller in callers]
    cause = cause_of(pending, OURS)
    others = [each for each in pending if each.call.caller != OURS]
    if {each.call.caller for each in others} in ({"a"}, {"b"}):
        assert cause is others[-1]
    else:
        assert cause is None
    assert owner_of_log(pending, True, OURS) is None


async def test_a_question_stops_the_clock_of_its_call() -> None:
    """A person may think for longer than a server may be silent."""
    server = Server(timeout=0.05)
    call = server.call("a")
    server.says("elicitation/create", 7)
    (ask,) = call.asks
    call.asks.clear()
    with_time = asyncio.ensure_future(call.arrival())
    done, _ = await asyncio.wait([with_time], timeout=0.3)
    assert not done
    ask.answer(Reply(result=b"{}"))
    await asyncio.wait([with_time], timeout=15)
    assert "no answer to tools/call" in str(with_time.exception())

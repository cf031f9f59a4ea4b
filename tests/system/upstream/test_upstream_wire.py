"""Conversations with servers that write what they should not, or not when they should."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from core.protocol.calls import CallTimeout, ConnectionLost, TooBusy
from core.upstream.conversation import REFRESH_BURST, REFRESH_EVERY
from core.upstream.handshake import ENTRIES_LIMIT
from core.upstream.pending import WAITING_LIMIT
from tests.fakes.faultsrv.hostile import LINES
from tests.fakes.faultsrv.tools import TOOLS
from tests.system.upstream.talk import LIMIT, Talk, answer, faulty, ready, talking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faultsrv is for Linux only")


async def methods(talk: Talk, method: str) -> list[dict[str, Any]]:
    """The messages of a kind that the server has received so far."""
    seen = (await talk.call("seen"))["messages"]
    return [message for message in seen if message["method"] == method]


# --- what is no message -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind"), [(("banner",), "not_json"), (("bad-utf8",), "utf8"), (("crlf",), None)]
)
async def test_lines_between_answers_change_no_answer(
    mode: tuple[str, ...], kind: str | None
) -> None:
    """They are counted and copied into the server's log; every answer arrives (F10, F11)."""
    async with ready(*mode) as talk:
        for number in range(5):
            assert (await talk.call("echo", {"n": number}))["arguments"] == {"n": number}
        if kind is None:
            assert talk.violations() == {}
        else:
            assert talk.violations()[kind] >= 6
            assert any(line.startswith(f"[not MCP: {kind}]") for line in talk.log)


async def test_hostile_lines_between_good_answers() -> None:
    """None of them breaks the conversation or is taken for an answer (F15)."""
    async with ready("hostile") as talk:
        calls = [talk.start("echo", {"n": number}) for number in range(3)]
        for number, call in enumerate(calls):
            assert (await answer(call))["arguments"] == {"n": number}
        assert sum(talk.violations().values()) >= 3 * (len(LINES) // 2)


async def test_one_system_call_per_byte() -> None:
    """Lines that come in pieces are put together (F13)."""
    async with ready("bytewise") as talk:
        text = "ü" * 50
        assert (await talk.call("echo", {"text": text}))["arguments"] == {"text": text}


async def test_a_line_over_the_cap_fails_its_own_request_only() -> None:
    """The asker learns why, others get their answers, the server stays ready (F14)."""
    async with ready() as talk:
        long = talk.start("long", {"bytes": 20_000_000})
        echo = talk.start("echo", {"a": 1})
        refused = await answer(long)
        assert "could not be read" in refused["error"]["message"]
        assert (await answer(echo))["arguments"] == {"a": 1}
        bare = await talk.call("long", {"bytes": 40_000_000, "bare": True})
        assert bare == {"bytes": 40_000_000}
        assert talk.violations() == {"too_long": 2}


async def test_a_last_line_without_its_newline_is_an_answer() -> None:
    """What a server writes right before it ends is not lost, newline or not (F13)."""
    async with ready("no-final-newline") as talk:
        assert "pid" in await talk.call("exit", {"code": 0})
        assert (await talk.fault()).code == "CRASHED"


@pytest.mark.parametrize("kind", ["unknown", "string", "null", "duplicate"])
async def test_answers_with_wrong_ids_reach_nobody(kind: str) -> None:
    """They are counted; each asker gets the right one, once (F21)."""
    async with ready("wrong-ids", kind) as talk:
        calls = [talk.start("echo", {"n": number}) for number in range(4)]
        found = [await answer(call) for call in calls]
        if kind != "duplicate":  # then the first of the two is the answer, and it is empty
            assert [one["arguments"] for one in found] == [{"n": number} for number in range(4)]
        await answer(talk.start("echo"))
        assert talk.violations()["unknown_id"] >= 4


async def test_an_unreadable_request_of_the_servers_fails_no_call_of_ours() -> None:
    """Its id is from the server's own count and only looks like one of ours."""
    async with ready() as talk:
        held = talk.start("slow", {"key": "k"})
        for line in (
            b'{"jsonrpc":"2.0","id":%d,"method":"roots/list","params":"\xff"}\n',
            b'{"jsonrpc":"2.0","method":"roots/list","params":"\xff","id":%d}\n',
        ):
            await talk.call("raw", {"hex": (line % held.upstream_id).hex()})
        assert not held.done
        await talk.call("release", {"key": "k"})
        assert (await answer(held))["id"] == held.upstream_id
        assert talk.violations() == {"utf8": 2}


# --- many askers ------------------------------------------------------------------------------


async def test_progress_goes_to_its_asker_with_the_askers_token() -> None:
    """Two askers with the same token each see their own progress, and that token (F21)."""
    async with ready() as talk:
        calls = [
            talk.start("progress", {"steps": steps}, {"progressToken": "t"}) for steps in (2, 3)
        ]
        number = talk.start("progress", {"steps": 1}, {"progressToken": 7})
        for call, steps, token in ((calls[0], 2, "t"), (calls[1], 3, "t"), (number, 1, 7)):
            events = []
            while (reply := await call.arrival()) is None:
                events += [json.loads(params) for _, params in call.events]
                call.events.clear()
            assert [event["progress"] for event in events] == [*range(1, steps + 1)]
            assert {event["progressToken"] for event in events} == {token}
            assert reply.result is not None
        assert talk.violations() == {}
        await talk.call("progress", {"steps": 2})  # the server invents a token
        assert talk.violations() == {"unknown_token": 2}


async def test_a_cancelled_call_is_cancelled_at_the_server() -> None:
    """The server is told the id it knows; its late answer is no violation."""
    async with ready() as talk:
        assert talk.session is not None
        held = talk.start("slow", {"key": "k"})
        talk.session.cancel(held, "the client went away")
        (told,) = await methods(talk, "notifications/cancelled")
        assert told["params"] == {"requestId": held.upstream_id, "reason": "the client went away"}
        assert await talk.call("release", {"key": "k"}) == {"released": 1}
        assert not held.done
        assert talk.violations() == {}


async def test_a_call_that_is_not_answered_in_time() -> None:
    """The asker gets CallTimeout, the server is told, and stays ready for others (F08)."""
    async with ready(call_timeout=0.3) as talk:
        call = talk.start("mute")
        with pytest.raises(CallTimeout, match="no answer to tools/call"):
            await answer(call)
        (told,) = await methods(talk, "notifications/cancelled")
        assert told["params"]["requestId"] == call.upstream_id


async def test_the_servers_share_of_requests_is_kept() -> None:
    """So many at a time are sent, so many more may wait, and one more is refused unsent."""
    async with ready(max_concurrent_requests=2) as talk:
        assert talk.session is not None
        held = [talk.start("slow", {"key": "k"}) for _ in range(2)]
        waiting = [talk.start("echo", {"n": number}) for number in range(WAITING_LIMIT)]
        with pytest.raises(TooBusy, match="256"):
            talk.start("echo")
        talk.session.cancel(waiting.pop(0), "changed my mind")
        last = talk.start("seen")
        talk.session.cancel(held[0], "no longer")  # frees a place: the rest runs, one at a time
        for number, call in enumerate(waiting, start=1):
            assert (await answer(call))["arguments"] == {"n": number}
        seen = (await answer(last))["messages"]
        # what was cancelled while it waited never reached the server
        assert sum(message["method"] == "tools/call" for message in seen) == 2 + WAITING_LIMIT
        assert not held[1].done


async def test_new_limits_hold_for_the_connection_there_is() -> None:
    """More may be in flight as soon as the file says so, without a restart."""
    async with ready(max_concurrent_requests=1) as talk:
        held = talk.start("slow", {"key": "k"})
        talk.config = faulty(max_concurrent_requests=2)
        assert await talk.call("release", {"key": "k"}) == {"released": 1}
        await answer(held)


# --- lists ------------------------------------------------------------------------------------


async def test_lists_are_read_page_by_page() -> None:
    """All pages make one list, in the server's order."""
    async with talking(faulty("pages", "7", "30")) as talk:
        names = [tool.name for tool in (await talk.ready()).tools]
    assert names == [*TOOLS, *(f"tool_{number:05}" for number in range(30))]
    assert talk.violations() == {}


async def test_a_list_without_end_is_cut() -> None:
    """At two thousand entries, or when a page names itself as the next (F23)."""
    async with talking(faulty("pages", "500", "10000")) as talk:
        assert len((await talk.ready()).tools) == ENTRIES_LIMIT
        assert talk.violations() == {"list_endless": 1}
    async with talking(faulty("page-loop")) as talk:
        tools = (await talk.ready()).tools
        assert len(tools) == len({tool.name for tool in tools})
        assert talk.violations()["list_endless"] == 1


async def test_a_storm_of_notices_is_read_now_and_then() -> None:
    """The first few changes at once, then what comes together every two seconds (F22)."""
    async with ready() as talk:
        assert talk.session is not None
        told: list[str] = []
        talk.session.listen(lambda method, params: told.append(method))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await talk.call("flip", {"notices": 500})
        first = await asyncio.wait_for(talk.peers.get(), LIMIT)
        assert "flipped" in {tool.name for tool in first.tools}
        for _ in range(12):
            await talk.call("flip", {"notices": 100})
        await talk.call("flip", {"notices": 100})
        async with asyncio.timeout(LIMIT):
            while "flipped" in {tool.name for tool in (await talk.peers.get()).tools}:
                pass
        took = loop.time() - began
        read = len(await methods(talk, "tools/list")) - 1  # without the first of all
        assert 2 <= read <= REFRESH_BURST + took / REFRESH_EVERY + 1
        assert len(await methods(talk, "prompts/list")) == 1
        assert set(told) == {"notifications/tools/list_changed"}
        assert len(told) <= read


# --- what the server asks and says --------------------------------------------------------------


async def test_a_servers_requests_are_always_answered() -> None:
    """Ping is; what nobody can be asked is refused; the server waits for nothing (F24)."""
    async with ready() as talk:
        told = {key.partition("#")[0]: value for key, value in (await talk.call("ask")).items()}
        assert told.pop("ping") == {"result": {}}
        assert {one["error"]["code"] for one in told.values()} == {-32601}
        assert set(told) == {"roots/list", "sampling/createMessage", "elicitation/create"}
        assert talk.violations() == {}


async def test_notifications_of_no_request_reach_all_who_listen() -> None:
    """Until they stop listening, each for itself."""
    async with ready() as talk:
        assert talk.session is not None
        heard: list[tuple[str, str]] = []

        def hear(method: str, params: bytes) -> None:
            heard.append((method, json.loads(params)["data"]))

        first, second = talk.session.listen(hear), talk.session.listen(hear)
        await talk.call("log", {"text": "one"})
        first()
        first()
        await talk.call("log", {"text": "two"})
        second()
        await talk.call("log", {"text": "three"})
        message = "notifications/message"
        assert heard == [(message, "one"), (message, "one"), (message, "two")]


@pytest.mark.parametrize("mode", ["stderr-flood", "stderr-line"])
async def test_a_flood_on_stderr_blocks_nobody(mode: str) -> None:
    """It is drained while the server writes it; lines without end are cut (F16)."""
    async with ready(mode, "4000000") as talk:
        assert (await talk.call("echo", {"a": 1}))["arguments"] == {"a": 1}
        await talk.call("stderr", {"text": "\nthe last line\n"})
        while "the last line" not in talk.log:
            talk.logged.clear()
            await asyncio.wait_for(talk.logged.wait(), LIMIT)
        if mode == "stderr-line":
            assert any("bytes in one line" in line for line in talk.log)
        assert max(map(len, talk.log)) < 20_000


# --- in flight when it ends -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["die", "close_stdout", "exit"])
async def test_fifty_calls_in_flight_when_the_server_ends(how: str) -> None:
    """Each gets exactly one ConnectionLost; the fault tells how it ended; nothing is sent again."""
    async with ready(max_concurrent_requests=30) as talk:
        calls = [talk.start("mute") for _ in range(29)]
        end = talk.start(how)
        calls += [talk.start("mute") for _ in range(20)]  # wait for their turn
        lost = await asyncio.gather(*map(answer, calls), return_exceptions=True)
        assert {type(one) for one in lost} == {ConnectionLost}
        if how == "die":
            with pytest.raises(ConnectionLost):
                await answer(end)
        else:
            await answer(end)
        fault = await talk.fault()
        with pytest.raises(ConnectionLost):
            talk.start("echo")
    assert fault.code == ("OUTPUT_CLOSED" if how == "close_stdout" else "CRASHED")


async def test_a_server_that_reads_no_more_has_crashed() -> None:
    """It closed its input: nothing can reach it, so no call waits for its time limit (F20)."""
    async with ready() as talk:
        held = talk.start("slow", {"key": "k"})
        await talk.close()
        with pytest.raises(ConnectionLost):
            await answer(held)
    async with talking(faulty("close-stdin", "tools/call")) as talk:
        await talk.ready()
        await talk.call("echo")
        late = talk.start("echo")
        with pytest.raises(ConnectionLost):
            await answer(late)
        fault = await talk.fault()
    assert fault.code == "OUTPUT_CLOSED"
    assert "Closed its input" in fault.message

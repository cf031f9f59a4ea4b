"""What the bridge sends to the engine and makes of its answers, seen from the engine's socket."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.engine_socket import LIMIT, FakeEngine, fake_engine
from tests.program import Home
from tests.system.stdio.client import MODERN, stdio

CANCELLED = "notifications/cancelled"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
async def engine(home: Home) -> AsyncIterator[FakeEngine]:
    async with fake_engine(home.directory / "data" / "mcpproxy.sock") as engine:
        yield engine


async def test_a_stateless_request_says_in_headers_what_it_says_inside(
    home: Home, engine: FakeEngine
) -> None:
    """Version, method and name are repeated, encoded where HTTP needs it; the body is untouched."""
    async with stdio(home, "--server", "one") as client:
        raw = (
            b'{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":" \xc3\xa9 ",'
            b'"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"odd":1.50}}'
        )
        client.say(raw)
        asked = await engine.asked("tools/call")
        assert (asked.method, asked.path, asked.body) == ("POST", "/mcp/s/one", raw)
        assert asked.headers["mcp-protocol-version"] == MODERN
        assert asked.headers["mcp-method"] == "tools/call"
        assert asked.headers["mcp-name"] == "=?base64?IMOpIA==?="
        asked.result({"content": []})
        assert (await client.hear())["result"] == {"content": []}


async def test_cancelling_a_stateless_request_closes_its_connection(
    home: Home, engine: FakeEngine
) -> None:
    """Over HTTP that is what cancels (MCP 2026-07-28); no answer and no other message follows."""
    async with stdio(home) as client:
        client.ask_modern(1, "tools/call", name="slow")
        asked = await engine.asked("tools/call")
        client.tell(CANCELLED, requestId=1)
        await asyncio.wait_for(asked.gone.wait(), LIMIT)
        client.ask_modern(2, "tools/list")
        (await engine.asked("tools/list")).result({"tools": []})
        assert (await client.hear())["id"] == 2


SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "n": {"type": "integer"},
    },
}


async def test_marked_arguments_are_repeated_in_headers(home: Home, engine: FakeEngine) -> None:
    """As the listed schema says; a client that did not list here has it done for it."""
    async with stdio(home) as client:
        arguments = {"region": "Øst", "n": 3}
        client.ask_modern(1, "tools/call", name="marked", arguments=arguments)
        call = await engine.asked("tools/call")
        assert "mcp-param-region" not in call.headers
        refused = {"code": -32020, "message": "The header mcp-param-region is missing."}
        call.answer(400, {"jsonrpc": "2.0", "id": 1, "error": refused})
        first = await engine.asked("tools/list")
        assert first.headers["mcp-method"] == "tools/list"
        first.result({"tools": [{"name": "plain", "inputSchema": {}}], "nextCursor": "2"})
        second = await engine.asked("tools/list")
        assert second.message["params"]["cursor"] == "2"
        second.result({"tools": [{"name": "marked", "inputSchema": SCHEMA}]})
        repeated = await engine.asked("tools/call")
        assert repeated.body == call.body
        assert repeated.headers["mcp-param-region"] == "=?base64?w5hzdA==?="
        repeated.answer(400, {"jsonrpc": "2.0", "id": 1, "error": {**refused, "message": "Still."}})
        assert (await client.hear())["error"]["message"] == "Still."

        client.ask_modern(2, "tools/list")
        (await engine.asked("tools/list")).result(
            {"tools": [{"name": "marked", "inputSchema": {}}]}
        )
        await client.answer(2)
        client.ask_modern(3, "tools/call", name="marked", arguments=arguments)
        call = await engine.asked("tools/call")
        assert "mcp-param-region" not in call.headers
        call.result({})
        await client.answer(3)


async def test_a_session_has_its_id_its_version_and_its_stream(
    home: Home, engine: FakeEngine
) -> None:
    """What the engine asks on the stream is answered into the session; a cancellation is posted."""
    async with stdio(home, "--profile", "p") as client:
        opened = asyncio.create_task(engine.welcome("s1"))
        assert (await client.shake_hands())["result"]["serverInfo"]["name"] == "fake"
        stream = await opened
        assert stream.path == "/mcp/p/p"
        stream.event({"jsonrpc": "2.0", "id": "q", "method": "roots/list"})
        assert (await client.hear())["method"] == "roots/list"
        client.say({"jsonrpc": "2.0", "id": "q", "result": {"roots": []}})
        answer = await engine.asked("answer")
        assert answer.headers["mcp-session-id"] == "s1"
        answer.answer(202)
        client.ask(1, "tools/call", name="slow")
        call = await engine.asked("tools/call")
        assert call.headers["mcp-session-id"] == "s1"
        assert call.headers["mcp-protocol-version"] == "2025-11-25"
        client.tell(CANCELLED, requestId=1)
        (await engine.asked(CANCELLED)).answer(202)
        assert not call.gone.is_set()
        call.stream()
        call.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
        assert (await client.hear())["method"] == "notifications/progress"
        call.event({"jsonrpc": "2.0", "id": 1, "result": {}})
        call.end()
        assert await client.answer(1) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        left = asyncio.create_task(client.leave())
        farewell = await engine.asked("DELETE")
        assert farewell.headers["mcp-session-id"] == "s1"
        farewell.answer(204)
        assert await left == 0


async def test_a_lost_session_is_opened_again_with_all_that_was_set_up(
    home: Home, engine: FakeEngine
) -> None:
    """The request that met the loss is repeated; level and subscriptions are set again."""
    async with stdio(home) as client:
        opened = asyncio.create_task(engine.welcome("s1", {"tools": {"listChanged": True}}))
        await client.shake_hands()
        stream = await opened
        client.ask(1, "logging/setLevel", level="debug")
        (await engine.asked("logging/setLevel")).result({})
        await client.answer(1)
        for number, uri in ((2, "a://1"), (3, "a://2")):
            client.ask(number, "resources/subscribe", uri=uri)
            (await engine.asked("resources/subscribe")).result({})
            await client.answer(number)
        client.ask(4, "resources/unsubscribe", uri="a://1")
        (await engine.asked("resources/unsubscribe")).result({})
        await client.answer(4)

        client.ask(5, "tools/list")
        (await engine.asked("tools/list")).answer(404, {"jsonrpc": "2.0", "id": None, "error": {}})
        again = await engine.asked("initialize")
        assert again.message["params"]["clientInfo"] == {"name": "test", "version": "1"}
        again.result(
            {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}}},
            mcp_session_id="s2",
        )
        (await engine.asked("notifications/initialized")).answer(202)
        (await engine.asked("logging/setLevel")).result({})
        subscribed = await engine.asked("resources/subscribe")
        assert subscribed.message["params"]["uri"] == "a://2"
        subscribed.result({})
        repeated = await engine.asked("tools/list")
        assert repeated.headers["mcp-session-id"] == "s2"
        assert repeated.headers["mcp-protocol-version"] == "2025-06-18"
        repeated.result({"tools": []})
        heard = [await client.hear(), await client.hear()]
        assert {each.get("method") for each in heard} == {"notifications/tools/list_changed", None}
        assert {each.get("id") for each in heard} == {5, None}
        stream.end()


async def test_a_call_that_is_cut_is_never_sent_twice(home: Home, engine: FakeEngine) -> None:
    """Nobody can know whether it was carried out, and the client is told so."""
    async with stdio(home) as client:
        client.ask_modern(1, "tools/call", name="pay")
        (await engine.asked("tools/call")).cut()
        error = (await client.hear())["error"]
        assert error["code"] == -31002
        assert "may or may not have been carried out" in error["message"]
        client.ask_modern(2, "ping")
        (await engine.asked("ping")).result({})
        assert (await client.hear())["id"] == 2


async def test_listening_goes_on_after_a_cut(home: Home, engine: FakeEngine) -> None:
    """The request is repeated, known to the client as one; what may have changed is told."""
    async with stdio(home) as client:
        wanted = {"toolsListChanged": True, "promptsListChanged": False}
        client.ask_modern("l", "subscriptions/listen", notifications=wanted)
        acknowledged = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged"}
        first = await engine.asked("subscriptions/listen")
        first.stream()
        first.event(acknowledged)
        assert (await client.hear())["method"] == acknowledged["method"]
        first.cut()
        second = await engine.asked("subscriptions/listen")
        assert second.body == first.body
        second.stream()
        second.event(acknowledged)
        changed = await client.hear()
        assert changed["method"] == "notifications/tools/list_changed"
        meta = changed["params"]["_meta"]
        assert meta == {"io.modelcontextprotocol/subscriptionId": "l"}
        second.event({"jsonrpc": "2.0", "id": "l", "result": {"resultType": "complete"}})
        second.end()
        assert (await client.hear())["id"] == "l"


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (400, {"id": None, "error": {"code": -32600, "message": "No."}}, -32600, "No."),
        (403, {"error": {"code": "odd", "message": "Not you."}}, -31002, "Not you."),
        (500, {"odd": 1}, -31002, "gave no answer"),
    ],
)
async def test_every_refusal_becomes_an_answer_to_the_request(
    home: Home, engine: FakeEngine, status: int, body: dict[str, object], code: int, words: str
) -> None:
    """Also what the engine refuses before it knows the request's id, or that it is MCP."""
    async with stdio(home) as client:
        client.ask_modern("r", "tools/list")
        (await engine.asked("tools/list")).answer(status, body)
        answer = await client.hear()
        assert (answer["id"], answer["error"]["code"]) == ("r", code)
        assert words in answer["error"]["message"]


async def test_a_signal_ends_it_and_the_session(home: Home, engine: FakeEngine) -> None:
    """Clients that do not close their end send SIGTERM; the engine forgets the session at once."""
    async with stdio(home) as client:
        opened = asyncio.create_task(engine.welcome("s1"))
        await client.shake_hands()
        stream = await opened
        client.process.send_signal(signal.SIGTERM)
        (await engine.asked("DELETE")).answer(204)
        assert await asyncio.wait_for(client.process.wait(), LIMIT) == 0
        await asyncio.wait_for(stream.gone.wait(), LIMIT)


async def test_answers_under_way_are_awaited_when_the_input_ends(
    home: Home, engine: FakeEngine
) -> None:
    """Whoever pipes messages in gets what they ask for; what only listens is let go."""
    async with stdio(home) as client:
        client.ask_modern("l", "subscriptions/listen", notifications={})
        listening = await engine.asked("subscriptions/listen")
        listening.stream()
        client.ask_modern(1, "tools/list")
        asked = await engine.asked("tools/list")
        left = asyncio.create_task(client.leave())
        asked.result({"tools": []})
        assert (await client.hear())["id"] == 1
        assert await left == 0
        await asyncio.wait_for(listening.gone.wait(), LIMIT)


async def test_messages_set_out_in_the_order_they_came(home: Home, engine: FakeEngine) -> None:
    """However many come in one breath: a cancellation never overtakes what it cancels."""
    async with stdio(home) as client:
        opened = asyncio.create_task(engine.welcome("s1"))
        await client.shake_hands()
        await opened
        for number in range(1, 21):
            client.ask(number, "tools/call", name="slow")
        client.tell(CANCELLED, requestId=20)
        (await engine.asked(CANCELLED)).answer(202)
        asked = [await engine.asked("tools/call") for _ in range(20)]
        assert [each.message["id"] for each in asked] == list(range(1, 21))
        assert engine.order[-21:] == ["tools/call"] * 20 + [CANCELLED]
        for each in asked:
            each.result({})
            await client.answer(each.message["id"])


async def test_a_large_message_passes_both_ways(home: Home, engine: FakeEngine) -> None:
    """Megabytes arrive whole, in order, however the pipes cut them."""
    async with stdio(home) as client:
        text = "é" * 1_500_000
        client.ask_modern(1, "tools/call", name="echo", text=text)
        asked = await engine.asked("tools/call")
        assert asked.message["params"]["text"] == text
        asked.result({"text": text})
        assert (await client.hear())["result"]["text"] == text

"""Servers that are reached by URL: what goes over the wire, and what comes of each answer."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from core.protocol.calls import Ask, Reply
from core.upstream.conversation import Terms
from tests.fakes.http_server import STATELESS, Request, Wire, http_server, oldest
from tests.system.upstream.remote import Remote, at, reaching
from tests.system.upstream.talk import LIMIT, answer

pytestmark = pytest.mark.usefixtures("nothing_left")

Json = dict[str, Any]


def notification(method: str, **params: object) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


async def test_a_session_from_hand_shake_to_farewell() -> None:
    """Every message carries what MCP and the entry want, and the session is ended at last."""
    async with http_server() as server:
        config = at(server.url, headers={"X-Own": "key ${env:OWN}", "Host": "elsewhere"})
        async with reaching(config, {"OWN": "s3cret"}) as remote:
            peer = await remote.ready()
            assert (peer.name, peer.protocol_version, peer.pid) == ("fake", "2025-11-25", None)
            assert [tool.name for tool in peer.tools] == ["echo"]
            await server.until(lambda: bool(server.streams))
            assert await remote.call({"text": "hi"}) == {"text": "hi"}
        assert server.sessions == set()
    discover, initialize, initialized, *rest = server.seen
    assert discover.method == "server/discover"
    assert (initialize.method, initialized.method) == ("initialize", "notifications/initialized")
    assert "mcp-session-id" not in initialize.headers
    for request in server.seen:
        assert request.headers["x-own"] == "key s3cret"
        assert request.headers["host"] == f"127.0.0.1:{server.port}"
    for request in [initialized, *rest]:
        assert request.headers["mcp-session-id"] == "session-1"
        assert request.headers["mcp-protocol-version"] == "2025-11-25"
        assert "mcp-method" not in request.headers
    assert rest[-1].verb == "DELETE"
    for request in server.seen:
        if request.verb == "POST":
            assert request.headers["accept"] == "application/json, text/event-stream"


async def test_a_stateless_server_is_told_everything_in_each_request() -> None:
    """Version, method, name and annotated arguments stand in headers, as the body has them."""
    async with http_server(stateless=True) as server, reaching(at(server.url)) as remote:
        peer = await remote.ready()
        assert (peer.name, peer.protocol_version) == ("fake", STATELESS)
        assert await remote.call({"text": "grüße"}) == {"text": "grüße"}
        called = server.seen[-1].headers
        listed = next(each for each in server.seen if each.method == "tools/list")
    assert called["mcp-method"] == "tools/call"
    assert called["mcp-name"] == "echo"
    assert called["mcp-param-text"] == "=?base64?Z3LDvMOfZQ==?="
    assert called["mcp-protocol-version"] == STATELESS
    meta = listed.said["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == STATELESS
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert not {"initialize", "GET", "DELETE"} & set(server.methods())


async def test_a_stateless_servers_changes_come_over_one_stream() -> None:
    """It is opened for what the server promises, anew for each set of subscriptions."""
    async with http_server(stateless=True) as server, reaching(at(server.url)) as remote:
        await remote.ready()
        assert remote.session is not None
        heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        remote.session.listen(lambda method, params: heard.put_nowait((method, params)))
        await server.until(lambda: len(server.streams) == 1)
        remote.session.subscribe("a://b")
        await server.until(lambda: server.methods().count("subscriptions/listen") == 2)
        await server.until(lambda: bool(server.streams))
        wanted = server.seen[-1].said["params"]["notifications"]
        assert wanted == {
            "toolsListChanged": True,
            "resourcesListChanged": True,
            "resourceSubscriptions": ["a://b"],
        }
        newest = server.streams[-1:]
        server.streams[:] = newest
        await server.tell(notification("notifications/resources/updated", uri="a://b"))
        method, params = await asyncio.wait_for(heard.get(), LIMIT)
        assert method == "notifications/resources/updated"
        assert json.loads(params) == {"uri": "a://b"}
        await server.tell(notification("notifications/tools/list_changed"))
        assert (await asyncio.wait_for(heard.get(), LIMIT))[0].endswith("tools/list_changed")
        assert server.methods().count("tools/list") == 2


async def test_what_comes_before_an_answer_reaches_its_call() -> None:
    """Progress, log lines and questions on a call's stream are the call's; the answer goes back."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.method != "tools/call":
            return False
        token = request.said["params"]["_meta"]["progressToken"]
        await wire.stream()
        await wire.event(notification("notifications/progress", progressToken=token, progress=1))
        await wire.event(notification("notifications/message", level="info", data="log"))
        question = {"method": "elicitation/create", "params": {"message": "?"}}
        await wire.event({"jsonrpc": "2.0", "id": "q1", **question})
        await server.until(lambda: any(each.said.get("id") == "q1" for each in server.seen))
        result = {"content": [], "structuredContent": {"done": True}}
        await wire.event({"jsonrpc": "2.0", "id": request.said["id"], "result": result})
        await wire.end()
        return True

    async with http_server() as server, reaching(at(server.url)) as remote:
        await remote.ready()
        server.script = script
        other = remote.start(caller="somebody else")
        call = remote.start(caller="me", meta={"progressToken": "mine"})
        events: list[tuple[str, bytes]] = []
        asks: list[Ask] = []
        async with asyncio.timeout(LIMIT):
            while (reply := await call.arrival()) is None:
                events += call.events
                asks += call.asks
                for ask in call.asks:
                    ask.answer(Reply(result=b'{"action":"accept"}'))
                call.events.clear()
                call.asks.clear()
        assert reply.result is not None
        assert [method for method, _ in events] == [
            "notifications/progress",
            "notifications/message",
        ]
        assert json.loads(events[0][1])["progressToken"] == "mine"
        assert [ask.method for ask in asks] == ["elicitation/create"]
        answered = next(each for each in server.seen if each.said.get("id") == "q1")
        assert answered.said["result"] == {"action": "accept"}
        assert other.events == []
        assert other.asks == []


async def test_events_may_arrive_in_any_pieces() -> None:
    """Whatever the seam, the line ends and the comments between, the answer is the same."""
    chance = random.Random(5)

    async def script(request: Request, wire: Wire) -> bool:
        if request.method != "tools/call":
            return False
        result = {"content": [], "structuredContent": {"text": "ä" * 20}}
        message = json.dumps(
            {"jsonrpc": "2.0", "id": request.said["id"], "result": result}, ensure_ascii=False
        )
        end = chance.choice(["\n", "\r\n", "\r"])
        text = (
            f": hello{end}{end}id: 1{end}retry: 5{end}event: message{end}data: {message}{end}{end}"
        )
        data = text.encode()
        await wire.stream()
        while data:
            size = chance.randint(1, 40)
            await wire.chunk(data[:size])
            data = data[size:]
        await wire.end()
        return True

    async with http_server() as server, reaching(at(server.url)) as remote:
        await remote.ready()
        server.script = script
        for _ in range(20):
            assert await remote.call() == {"text": "ä" * 20}
        assert remote.counters.protocol_violations.values == {}


async def test_a_broken_answer_is_resumed_where_the_server_offers_it() -> None:
    """The rest is asked for from the last event on, and the call is sent once only."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.method == "tools/call":
            server.calls += 1
            await wire.stream()
            await wire.chunk(b"id: one\nretry: 10\ndata:\n\n")
            wire.drop()
            ids.append(request.said["id"])
            return True
        if request.headers.get("last-event-id") == "one":
            await wire.stream()
            result = {"content": [], "structuredContent": {"late": True}}
            await wire.event({"jsonrpc": "2.0", "id": ids[0], "result": result}, "two")
            await wire.end()
            return True
        return False

    ids: list[object] = []
    async with http_server() as server, reaching(at(server.url)) as remote:
        await remote.ready()
        server.script = script
        assert await remote.call() == {"late": True}
        assert server.calls == 1


async def test_the_servers_own_stream_is_asked_for_again() -> None:
    """What it tells goes on arriving after the stream broke, from the last event on."""
    async with http_server() as server, reaching(at(server.url)) as remote:
        await remote.ready()
        assert remote.session is not None
        heard: asyncio.Queue[str] = asyncio.Queue()
        remote.session.listen(lambda method, params: heard.put_nowait(method))
        await server.until(lambda: bool(server.streams))
        _, wire = server.streams[0]
        await wire.chunk(b"id: 7\nretry: 10\ndata:\n\n")
        await wire.event(notification("notifications/resources/updated", uri="a://b"))
        assert await asyncio.wait_for(heard.get(), LIMIT) == "notifications/resources/updated"
        wire.drop()
        await server.until(lambda: server.methods().count("GET") == 2)
        again = [each for each in server.seen if each.verb == "GET"][-1]
        assert again.headers["last-event-id"] == "7"
        await server.until(lambda: any(each[1] is not wire for each in server.streams))
        _, newer = server.streams[-1]
        await newer.event(notification("notifications/tools/list_changed"))
        assert await asyncio.wait_for(heard.get(), LIMIT) == "notifications/tools/list_changed"


async def test_the_oldest_transport_is_found_and_spoken() -> None:
    """A server that knows only HTTP with SSE is recognised by what it refuses."""
    async with http_server() as server:
        server.script = oldest(streams := [])
        async with reaching(at(server.url)) as remote:
            peer = await remote.ready()
            assert (peer.name, peer.protocol_version) == ("old", "2024-11-05")
            assert await remote.call() == {"old": True}
            streams[-1].drop()
            assert (await remote.fault()).code == "DISCONNECTED"


async def test_a_private_connection_says_what_its_client_can() -> None:
    """And what the server asks outside any call comes to that client."""
    asked: asyncio.Queue[Ask] = asyncio.Queue()
    terms = Terms(b'{"roots":{}}', asked.put_nowait)
    async with http_server() as server, reaching(at(server.url), terms=terms) as remote:
        await remote.ready()
        initialize = next(each for each in server.seen if each.method == "initialize")
        assert initialize.said["params"]["capabilities"] == {"roots": {}}
        await server.until(lambda: bool(server.streams))
        await server.tell({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})
        ask = await asyncio.wait_for(asked.get(), LIMIT)
        ask.answer(Reply(result=b'{"roots":[]}'))
        await server.until(lambda: server.seen[-1].said.get("result") == {"roots": []})


async def test_connections_are_used_again_and_calls_go_side_by_side() -> None:
    """A hundred calls, sixteen at a time, on few connections; each gets its own answer."""
    async with http_server() as server, reaching(at(server.url)) as remote:
        await remote.ready()
        calls = [remote.start({"n": number}) for number in range(100)]
        assert [await answer(call) for call in calls] == [{"n": number} for number in range(100)]
        assert server.calls == 100


async def test_cancelling_is_told_as_the_era_wants_it() -> None:
    """A stateful server gets a notification; a stateless one sees its stream closed."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.method != "tools/call":
            return False
        await wire.stream()
        await wire.gone()
        closed.set()
        return True

    for stateless in (False, True):
        closed = asyncio.Event()
        async with (
            http_server(stateless=stateless) as server,
            reaching(at(server.url)) as remote,
        ):
            await remote.ready()
            server.script = script
            call = remote.start()
            await server.until(lambda: "tools/call" in server.methods())
            assert remote.session is not None
            remote.session.cancel(call, "no longer wanted")
            if not stateless:
                await server.until(lambda: "notifications/cancelled" in server.methods())
            await asyncio.wait_for(closed.wait(), LIMIT)
            assert ("notifications/cancelled" in server.methods()) is not stateless


async def test_a_server_that_changed_its_era_is_spoken_to_in_the_new_one() -> None:
    """What was remembered of it is not held against it when it comes back updated."""
    async with http_server() as server:
        first = Remote(at(server.url), {})
        await first.ready()
        await first.close()
        server.stateless = True
        second = Remote(at(server.url), {}, connector=first.connector)
        assert (await second.ready()).protocol_version == STATELESS
        await second.close()

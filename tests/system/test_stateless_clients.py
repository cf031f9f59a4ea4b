"""Clients of the stateless era, in front of a server that has sessions, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient, by_method, messages
from tests.mcp_stateless import ABLE, PREFIX, VERSION, StatelessClient
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(60)

COMMAND, *ARGS = faultsrv.command("ok")
LIMIT = 20.0


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    home.configure({"one": {"command": COMMAND, "args": ARGS}}, quarantine_enabled=False)
    async with program(home) as started:
        await started.ready()
        yield started


@pytest.fixture
def client(running: RunningProgram) -> StatelessClient:
    return StatelessClient(running.http, "/mcp/s/one")


async def test_what_the_era_demands_of_a_request_is_checked(client: StatelessClient) -> None:
    """Each lack and each contradiction gets its code, status 400 or 404, and harms nobody."""
    ok = client.request("tools/call", {"name": "echo", "arguments": {}})
    bare = {**ok, "params": {"name": "echo"}}
    half = {**ok, "params": {"name": "echo", "_meta": {PREFIX + "protocolVersion": VERSION}}}
    other = client.request("tools/list", {"_meta": client.meta()})
    other["params"]["_meta"][PREFIX + "protocolVersion"] = "2099-01-01"
    table: list[tuple[Json, dict[str, str], int, int]] = [
        (bare, {}, 400, -32602),
        (half, {}, 400, -32602),
        (ok, {"mcp_method": ""}, 400, -32020),
        (ok, {"mcp_method": "tools/list"}, 400, -32020),
        (ok, {"mcp_name": ""}, 400, -32020),
        (ok, {"mcp_name": "other"}, 400, -32020),
        (ok, {"mcp_protocol_version": ""}, 400, -32020),
        (ok, {"mcp_protocol_version": "2026-07-29"}, 400, -32020),
        (ok, {"mcp_name": "=?base64?!?="}, 400, -32020),
        (other, {"mcp_protocol_version": "2099-01-01"}, 400, -32022),
        ({**ok, "id": None}, {}, 400, -32600),
        (client.request("vendor/unknown"), {}, 404, -32601),
        *(
            (client.request(method), {}, 404, -32601)
            for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe")
        ),
    ]
    for message, headers, status, code in table:
        answer = await client.post(message, **headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), message
    supported = (await client.post(other, mcp_protocol_version="2099-01-01")).json()
    assert supported["error"]["data"] == {"supported": [VERSION], "requested": "2099-01-01"}
    spaced = await client.post(ok, mcp_name="=?base64?ZWNobw==?=")
    assert spaced.status_code == 200


async def test_there_is_only_post(running: RunningProgram, client: StatelessClient) -> None:
    """GET and DELETE belong to sessions, which this era has none of; a notification is taken."""
    headers = {"mcp-protocol-version": VERSION}
    for method in ("GET", "DELETE"):
        answer = await running.http.request(method, client.path, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert (await running.http.post(client.path, json=told, headers=headers)).status_code == 202
    answered = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert (await running.http.post(client.path, json=answered, headers=headers)).status_code == 400


async def test_the_server_is_introduced_and_listed_at_once(client: StatelessClient) -> None:
    """server/discover and the lists carry what this era wants of every result."""
    found = (await client.ask("server/discover"))["result"]
    assert found["supportedVersions"] == [VERSION]
    assert found["_meta"][PREFIX + "serverInfo"]["name"] == "faultsrv"
    assert found["instructions"] == "Misbehaves on purpose."
    listed = (await client.ask("tools/list"))["result"]
    assert "echo" in {tool["name"] for tool in listed["tools"]}
    for result in (found, listed):
        assert (result["resultType"], result["ttlMs"]) == ("complete", 0)
        assert result["cacheScope"] == "private"


async def test_only_what_is_the_servers_reaches_it(client: StatelessClient) -> None:
    """What speaks of the connection stays with us; every other member of _meta goes on."""
    reply = await client.ask(
        "tools/call", {"name": "echo", "arguments": {"a": 1}, "_meta": client.meta(other=[1])}
    )
    result = reply["result"]
    assert result["resultType"] == "complete"
    assert result["structuredContent"]["arguments"] == {"a": 1}
    assert result["structuredContent"]["meta"] == {"other": [1]}


async def test_progress_comes_before_the_answer_on_its_stream(client: StatelessClient) -> None:
    """Each message carries the token the client chose, a text or a number."""
    for token in ("one", 1):
        params = {"name": "progress", "arguments": {}, "_meta": client.meta(progressToken=token)}
        told = messages(await client.post(client.request("tools/call", params)))
        assert [each["params"]["progressToken"] for each in told[:-1]] == [token] * 3


async def test_a_log_is_heard_by_whoever_asks_for_it(client: StatelessClient) -> None:
    """Without logLevel, or with one above the message's, nothing comes before the answer."""
    heard = []
    for level in ({}, {PREFIX + "logLevel": "error"}, {PREFIX + "logLevel": "debug"}):
        params = {"name": "log", "arguments": {"text": "x"}, "_meta": client.meta(**level)}
        heard.append(messages(await client.post(client.request("tools/call", params))))
    assert [len(each) for each in heard] == [1, 1, 2]
    assert heard[2][0]["params"]["data"] == "x"


async def test_questions_come_as_a_result_and_answers_as_a_request(
    client: StatelessClient,
) -> None:
    """The same call goes on with the answers; sampling, elicitation and roots at once."""
    asked = await client.call("ask", {})
    assert asked["resultType"] == "input_required"
    methods = {key: each["method"] for key, each in asked["inputRequests"].items()}
    assert set(methods.values()) == {
        *("roots/list", "sampling/createMessage", "elicitation/create")
    }
    answers = {key: {"said": method} for key, method in methods.items()}
    done = await client.call("ask", {}, inputResponses=answers, requestState=asked["requestState"])
    assert done["resultType"] == "complete"
    said = by_method(done)
    for method in methods.values():
        assert said[method]["result"] == {"said": method}


async def test_a_state_is_good_once_for_its_own_request_and_key(
    running: RunningProgram, client: StatelessClient
) -> None:
    """Changed, used twice, for another tool, or without the key it was given to: refused."""
    asked = await client.call("ask", {})
    state = asked["requestState"]
    retry: Json = {"name": "ask", "arguments": {}, "inputResponses": {}, "requestState": state}
    wrong: list[Json] = [
        {**retry, "requestState": state[:-1] + ("0" if state[-1] != "0" else "1")},
        {**retry, "requestState": "mpt1.anew." + state.rpartition(".")[2]},
        {**retry, "requestState": "somebody else's"},
        {**retry, "requestState": 5},
        {**retry, "name": "echo"},
        {**retry, "arguments": {"more": 1}},
    ]
    for params in wrong:
        reply = await client.ask("tools/call", params)
        assert reply["error"]["code"] == -32602, params
    stranger = httpx.AsyncClient(base_url=running.base, timeout=LIMIT, trust_env=False)
    async with stranger:
        other = StatelessClient(stranger, client.path)
        assert (await other.ask("tools/call", retry))["error"]["code"] == -32602
    assert (await client.ask("tools/call", retry))["result"]["resultType"] == "complete"
    assert (await client.ask("tools/call", retry))["error"]["code"] == -32602


async def test_a_client_is_not_asked_what_it_cannot_answer(running: RunningProgram) -> None:
    """The server is told so at once, and the call ends as the server wants."""
    client = StatelessClient(running.http, "/mcp/s/one", capabilities={})
    result = await client.call("ask", {})
    answers = by_method(result)
    assert answers["sampling/createMessage"]["error"]["code"] == -32601
    assert "did not declare" in answers["elicitation/create"]["error"]["message"]


async def test_errors_keep_code_and_data_unless_the_era_has_another_code(
    client: StatelessClient,
) -> None:
    """A missing resource and a URL to visit are said in this era's way, all else as it is."""
    table = [
        ({"code": -5, "message": "m", "data": {"x": [1]}}, 200, -5),
        ({"code": -32002, "message": "no such", "data": {"uri": "a:b"}}, 400, -32602),
        ({"code": -32601, "message": "no such"}, 404, -32601),
    ]
    for error, status, code in table:
        message = client.request("tools/call", {"name": "fail", "arguments": error})
        answer = await client.post(message)
        assert answer.status_code == status
        assert answer.json()["error"] == {**error, "code": code}


async def test_a_url_to_visit_is_asked_and_then_the_request_is_made_again(
    running: RunningProgram, client: StatelessClient
) -> None:
    """-32042 becomes a question; a client that cannot be asked learns what it lacks."""
    visit = {"mode": "url", "elicitationId": "e", "url": "https://example.org/", "message": "m"}
    error = {"code": -32042, "message": "visit", "data": {"elicitations": [visit]}}
    asked = await client.call("fail", error)
    assert asked["inputRequests"] == {"1": {"method": "elicitation/create", "params": visit}}
    again = await client.call(
        "fail",
        error,
        requestState=asked["requestState"],
        inputResponses={"1": {"action": "accept"}},
    )
    assert again["resultType"] == "input_required"
    unable = StatelessClient(running.http, client.path, capabilities={"elicitation": {}})
    answer = await unable.post(unable.request("tools/call", {"name": "fail", "arguments": error}))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32021
    needed = answer.json()["error"]["data"]["requiredCapabilities"]
    assert needed == {"elicitation": {"url": {}}}


async def test_closing_the_stream_cancels(running: RunningProgram, client: StatelessClient) -> None:
    """The server is told as soon as the client has gone, which in this era takes it back."""
    slow = client.request("tools/call", {"name": "slow", "arguments": {"key": "k"}})
    waiting = asyncio.create_task(client.post(slow))
    seen = RawClient(running.http, "/mcp/s/one")
    await seen.open()
    async with asyncio.timeout(LIMIT):
        before = 1
        while (await _seen(seen)).count("tools/call") == before:
            before += 1  # only our own; the other has not arrived yet
        waiting.cancel()
        while "notifications/cancelled" not in await _seen(seen):
            pass  # nor has the news of its end
    assert (await seen.call("release", {"key": "k"}))["structuredContent"]["released"] == 1


async def _seen(client: RawClient) -> list[str]:
    result = await client.call("seen", {})
    return [each["method"] for each in result["structuredContent"]["messages"] if "method" in each]


async def test_a_listener_hears_what_it_asked_for_and_the_end(running: RunningProgram) -> None:
    """Acknowledged first, then stamped with the request's id; a result when the program stops."""
    client = StatelessClient(running.http, "/mcp/s/one", ABLE)
    wanted = {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourceSubscriptions": ["a:b"],
    }
    message = client.request("subscriptions/listen", {"notifications": wanted}, "mine")
    told: list[Json] = []
    async with client.http.stream(
        "POST", client.path, json=message, headers=client.headers(message)
    ) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        async with asyncio.timeout(LIMIT):
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                told.append(json.loads(line[6:]))
                if len(told) == 1:
                    await client.call("flip", {})
                elif len(told) == 2:
                    running.process.terminate()
    acknowledged, changed, end = told
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
    assert changed["method"] == "notifications/tools/list_changed"
    assert end["id"] == "mine"
    assert end["result"]["resultType"] == "complete"
    stamps = [each["params"]["_meta"] for each in told[:2]] + [end["result"]["_meta"]]
    assert stamps == [{PREFIX + "subscriptionId": "mine"}] * 3
    assert await asyncio.wait_for(running.process.wait(), LIMIT) == 0

"""What a server asks in the middle of a call reaches the client that caused it, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient, by_method, messages, stream
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(60)

COMMAND, *ARGS = faultsrv.command("ok")
ABLE: Json = {"sampling": {}, "elicitation": {}, "roots": {}}
LIMIT = 20.0
PONG: Json = {"result": {}}
QUESTIONS = {"roots/list", "sampling/createMessage", "elicitation/create"}


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    home.configure({"one": {"command": COMMAND, "args": ARGS}})
    async with program(home) as started:
        await started.ready()
        yield started


async def connected(running: RunningProgram, **capabilities: Json) -> RawClient:
    client = RawClient(running.http, "/mcp/s/one")
    await client.open(**capabilities)
    return client


def ask(client: RawClient) -> Json:
    return client.request("tools/call", {"name": "ask", "arguments": {}})


async def answer(client: RawClient, question: Json, said: object) -> None:
    told = await client.post({"jsonrpc": "2.0", "id": question["id"], "result": said})
    assert told.status_code == 202


async def test_questions_come_on_the_calls_stream_and_answers_go_back(
    running: RunningProgram,
) -> None:
    """Sampling, elicitation and roots: each gets exactly its own answer, and the call ends."""
    client = await connected(running, **ABLE)
    message = ask(client)
    asked = {}
    async with asyncio.timeout(LIMIT), stream(client, message) as told:
        async for each in told:
            if "method" in each:
                asked[each["method"]] = each
                await answer(client, each, {"to": each["method"]})
            else:
                end = each
    assert asked.keys() == QUESTIONS
    assert end["id"] == message["id"]
    said = by_method(end["result"])
    assert {said[method]["result"]["to"] for method in QUESTIONS} == QUESTIONS


async def test_an_error_of_the_client_is_the_servers_to_judge(running: RunningProgram) -> None:
    """Code, message and data arrive as the client wrote them."""
    client = await connected(running, roots={})
    error = {"code": -1, "message": "a person said no", "data": {"x": [1]}}
    async with asyncio.timeout(LIMIT), stream(client, ask(client)) as told:
        async for each in told:
            if "method" in each:
                assert each["method"] == "roots/list"
                await client.post({"jsonrpc": "2.0", "id": each["id"], "error": error})
            else:
                assert by_method(each["result"])["roots/list"]["error"] == error


async def test_only_what_a_client_declared_is_asked_of_it(running: RunningProgram) -> None:
    """The server learns at once what this client cannot, and nothing reaches the client."""
    client = await connected(running)
    replies = messages(await client.post(ask(client)))
    assert len(replies) == 1
    said = by_method(replies[0]["result"])
    for method in QUESTIONS:
        assert said[method]["error"]["code"] == -32601
        assert "did not declare" in said[method]["error"]["message"]


async def test_nobody_else_can_answer(running: RunningProgram) -> None:
    """An answer under the same id from another session is taken by nobody and changes nothing."""
    asked, other = await connected(running, roots={}), await connected(running, roots={})
    async with asyncio.timeout(LIMIT), stream(asked, ask(asked)) as told:
        async for each in told:
            if "method" in each:
                await answer(other, each, {"roots": [{"uri": "file:///wrong"}]})
                await answer(asked, each, {"roots": []})
                await answer(asked, each, {"roots": [{"uri": "file:///late"}]})
            else:
                assert by_method(each["result"])["roots/list"]["result"] == {"roots": []}


async def test_when_two_clients_could_be_meant_neither_is_asked(running: RunningProgram) -> None:
    """While another client's call is open a question cannot be attributed, and is refused."""
    first, second = await connected(running, **ABLE), await connected(running, **ABLE)
    watching = await connected(running)  # cannot be asked, and so goes on sharing the server
    slow = first.request("tools/call", {"name": "slow", "arguments": {"key": "k"}})
    waiting = asyncio.create_task(first.post(slow))
    own = 1
    async with asyncio.timeout(LIMIT):
        while await calls_seen(watching) == own:
            own += 1  # the slow one has not arrived yet
        [reply] = messages(await second.post(ask(second)))
    assert all("error" in said for said in by_method(reply["result"]).values() if said != PONG)
    await watching.call("release", {"key": "k"})
    assert len(messages(await waiting)) == 1


async def calls_seen(client: RawClient) -> int:
    result = await client.call("seen", {})
    said = [each.get("method") for each in result["structuredContent"]["messages"]]
    return said.count("tools/call")


async def test_a_client_that_goes_away_leaves_no_question_open(running: RunningProgram) -> None:
    """The server gets an error in its place, and the next client is asked as ever."""
    gone = await connected(running, **ABLE)
    async with asyncio.timeout(LIMIT), stream(gone, ask(gone)) as told:
        async for _ in told:
            break
    client = await connected(running, roots={})
    async with asyncio.timeout(LIMIT):
        while True:
            replies = []
            async with stream(client, ask(client)) as told:
                async for each in told:
                    replies.append(each)
                    if "method" in each:
                        await answer(client, each, {"roots": []})
            if len(replies) > 1:  # the server knows that nobody else can be meant
                break
    assert by_method(replies[-1]["result"])["roots/list"]["result"] == {"roots": []}


async def test_a_session_that_is_ended_leaves_no_question_open(running: RunningProgram) -> None:
    """DELETE takes back its calls, and what it was asked has no answer."""
    client = await connected(running, **ABLE)
    async with asyncio.timeout(LIMIT), stream(client, ask(client)) as told:
        async for each in told:
            if "method" in each and each["method"] == "roots/list":
                deleted = await running.http.delete(client.path, headers=client.headers)
                assert deleted.status_code == 204
    assert (await client.post(client.request("ping"))).status_code == 404
    other = await connected(running, roots={})
    assert (await other.ask("ping"))["result"] == {}


async def test_a_batch_is_answered_together_in_the_version_that_has_it(
    running: RunningProgram,
) -> None:
    """Answers in any order, progress before them, nothing asked, and no batch in other versions."""
    client = RawClient(running.http, "/mcp/s/one")
    await client.open("2025-03-26", **ABLE)
    progress = {"name": "progress", "arguments": {"steps": 1}, "_meta": {"progressToken": "t"}}
    batch = [
        client.request("tools/call", progress, 1),
        {"jsonrpc": "2.0", "method": "notifications/unknown"},
        client.request("tools/call", {"name": "ask", "arguments": {}}, "two"),
        client.request("ping", None, 3),
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        5,
    ]
    told, answers = messages(await client.post(batch))
    assert told["params"]["progressToken"] == "t"
    by_id = {each.get("id"): each for each in answers if "result" in each}
    assert by_id.keys() == {1, "two", 3}
    assert all(
        "error" in said for said in by_method(by_id["two"]["result"]).values() if said != PONG
    )
    assert [each["error"]["code"] for each in answers if "error" in each] == [-32600, -32600]
    only_told = await client.post([{"jsonrpc": "2.0", "method": "notifications/unknown"}])
    assert (only_told.status_code, only_told.content) == (202, b"")
    for wrong in ([], [1] * 101):
        assert (await client.post(wrong)).status_code == 400
    newer = await connected(running)
    assert (await newer.post(batch)).status_code == 400

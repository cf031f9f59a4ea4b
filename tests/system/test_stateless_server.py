"""Clients with sessions in front of a server of the stateless era, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import pytest

from tests.mcp_http import RawClient, messages, stream
from tests.program import ROOT, Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(60)

LIMIT = 25.0
ABLE: Json = {"sampling": {"tools": {}}, "elicitation": {"form": {}, "url": {}}, "roots": {}}
ANSWERS: Json = {
    "elicitation/create": {"action": "accept", "content": {"ok": True}},
    "sampling/createMessage": {
        "role": "assistant",
        "model": "none",
        "content": {"type": "text", "text": "Paris"},
    },
    "roots/list": {"roots": [{"uri": "file:///home", "name": "home"}]},
}


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    args = ["-m", "tests.fakes.reference_server", "stdio"]
    env = {"PYTHONPATH": str(ROOT)}
    entry: Json = {"command": sys.executable, "args": args, "env": env}
    home.configure({"one": entry}, quarantine_enabled=False)
    async with program(home) as started:
        await started.ready()
        yield started


async def connected(running: RunningProgram, **capabilities: Json) -> RawClient:
    client = RawClient(running.http, "/mcp/s/one")
    hello = await client.open(**capabilities)
    assert hello["result"]["protocolVersion"] == "2025-11-25"
    return client


async def converse(client: RawClient, tool: str, arguments: Json | None = None) -> list[Json]:
    """All that comes on the stream of a call, while every question is answered."""
    params = {"name": tool, "arguments": arguments or {}}
    told = []
    async with (
        asyncio.timeout(LIMIT),
        stream(client, client.request("tools/call", params)) as arriving,
    ):
        async for each in arriving:
            told.append(each)
            if "id" in each and "method" in each:
                said = {"jsonrpc": "2.0", "id": each["id"], "result": ANSWERS[each["method"]]}
                assert (await client.post(said)).status_code == 202
    return told


def said(told: list[Json]) -> str:
    text: str = told[-1]["result"]["content"][0]["text"]
    return text


async def test_questions_in_a_result_become_requests_on_the_stream(
    running: RunningProgram,
) -> None:
    """Elicitation of both modes, sampling with tools, roots, several at once and in rounds."""
    client = await connected(running, **ABLE)
    table = [
        ("test_elicitation", {"message": "Who?"}, ["elicitation/create"]),
        ("ask_by_url", {}, ["elicitation/create"]),
        ("ask_with_tools", {}, ["sampling/createMessage"]),
        ("list_roots", {}, ["roots/list"]),
        ("test_input_required_result_multi_round", {}, ["elicitation/create"] * 2),
        ("test_input_required_result_multiple_inputs", {}, sorted(ANSWERS)),
    ]
    for tool, arguments, questions in table:
        told = await converse(client, tool, arguments)
        asked = [each["method"] for each in told[:-1]]
        assert sorted(asked) == questions, tool
        assert "error" not in told[-1], told
    roots = (await converse(client, "list_roots"))[-1]["result"]["structuredContent"]
    assert roots["roots"] == ANSWERS["roots/list"]["roots"]
    visit = (await converse(client, "ask_by_url"))[0]["params"]
    assert visit["elicitationId"]  # this era's clients may insist on one


async def test_a_client_that_says_no_ends_the_call_with_its_words(running: RunningProgram) -> None:
    """An error instead of an answer is the call's error; without the capability nothing comes."""
    client = await connected(running, **ABLE)
    error = {"code": -1, "message": "the person said no"}
    params = {"name": "test_elicitation", "arguments": {"message": "Who?"}}
    async with asyncio.timeout(LIMIT), stream(client, client.request("tools/call", params)) as told:
        async for each in told:
            if "method" in each:
                await client.post({"jsonrpc": "2.0", "id": each["id"], "error": error})
    assert each["error"] == error
    unable = await connected(running)
    [reply] = messages(await unable.post(unable.request("tools/call", params)))
    assert reply["error"]["code"] == -32021 or reply["result"]["isError"]


async def test_progress_logs_and_cancellation_reach_the_right_request(
    running: RunningProgram,
) -> None:
    """Tokens stay the client's own; a level set once goes with every later request."""
    client = await connected(running)
    params = {"name": "test_tool_with_progress", "_meta": {"progressToken": "mine"}}
    told = messages(await client.post(client.request("tools/call", params)))
    assert [each["params"]["progressToken"] for each in told[:-1]] == ["mine"] * 3
    assert len(await converse(client, "test_tool_with_logging")) == 1
    assert (await client.ask("logging/setLevel", {"level": "debug"}))["result"] == {}
    logged = await converse(client, "test_tool_with_logging")
    assert [each["method"] for each in logged[:-1]] == ["notifications/message"] * 3
    waits: Json = {"name": "wait_for_ever", "_meta": {"progressToken": 1}}
    message = client.request("tools/call", waits)
    async with asyncio.timeout(LIMIT), stream(client, message) as arriving:
        async for each in arriving:
            assert each["method"] == "notifications/progress"
            cancel = {"requestId": message["id"]}
            taken = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel}
            await client.post(taken)
    async with asyncio.timeout(LIMIT):
        while said(await converse(client, "count_cancelled")) != "1":
            pass  # the server has not noticed yet


async def test_changes_are_told_on_the_sessions_own_stream(running: RunningProgram) -> None:
    """A changed list, and a resource that was subscribed to: not after unsubscribing."""
    client = await connected(running)
    watched = {"uri": "test://watched-resource"}
    assert (await client.ask("resources/subscribe", watched))["result"] == {}
    told: list[Json] = []
    async with (
        asyncio.timeout(LIMIT),
        running.http.stream("GET", client.path, headers=client.headers) as answer,
    ):
        await client.call("touch_watched", {})
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            told.append(json.loads(line[6:]))
            if len(told) == 1:
                assert (await client.ask("resources/unsubscribe", watched))["result"] == {}
                await client.call("test_trigger_prompt_change", {})
            else:
                break
    assert [each["method"] for each in told] == [
        *("notifications/resources/updated", "notifications/prompts/list_changed")
    ]
    assert told[0]["params"]["uri"] == watched["uri"]


async def test_what_both_eras_share_passes_through(running: RunningProgram) -> None:
    """Errors with code and data, completion, prompts, resources, _meta of either side."""
    client = await connected(running)
    error = (await client.ask("tools/call", {"name": "refuse_in_its_own_way"}))["error"]
    assert error == {"code": 4711, "message": "Not today", "data": {"retry": {"after": 3}}}
    missing = (await client.ask("resources/read", {"uri": "test://none"}))["error"]
    assert missing["code"] == -32002
    ref = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
    argument = {"name": "arg1", "value": "par"}
    completed = await client.ask("completion/complete", {"ref": ref, "argument": argument})
    assert "completion" in completed["result"]
    params = {"name": "echo_meta", "_meta": {"example.com/own": [1]}}
    answer = (await client.ask("tools/call", params))["result"]
    assert answer["structuredContent"]["example.com/own"] == [1]
    assert answer["_meta"]["example.com/answer"] == {"of": [1, "two"]}

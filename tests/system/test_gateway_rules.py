"""The endpoint's rules for sessions, envelopes and built-in tools, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient, messages, wire
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(180)

COMMAND, *ARGS = faultsrv.command("ok")


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    home.configure(
        {
            "one": {"command": COMMAND, "args": ARGS},
            "hidden": {"command": COMMAND, "args": ARGS, "quarantined": True},
        },
        quarantine_enabled=False,  # so that a tool that comes later is offered at once
    )
    async with program(home) as started:
        await started.ready()
        yield started


@pytest.fixture
async def client(running: RunningProgram) -> RawClient:
    opened = RawClient(running.http, "/mcp/s/one")
    await opened.open()
    return opened


async def test_malformed_messages_are_refused_as_json_rpc_says(client: RawClient) -> None:
    """Each kind of broken message gets its code, with status 400, and harms nobody."""
    table: list[tuple[bytes | Json | list[Json], int]] = [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"\xff"}', -32700),
        (b"[" * 100_000, -32600),
        (b"null", -32600),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "Method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, -32600),
    ]
    for message, code in table:
        answer = await client.post(message)
        assert answer.status_code == 400, message
        assert answer.json()["error"]["code"] == code, message
    assert (await client.ask("ping"))["result"] == {}


async def test_a_body_beyond_the_limit_is_refused_unread(running: RunningProgram) -> None:
    """A body announced as longer than 16 MiB is answered with 413 before any of it comes."""
    async with wire(running.endpoint) as client:
        status, content = await client.post(b"", length=16 * 1024 * 1024 + 1)
    assert status == 413
    assert b"16777216" in content


async def test_sessions_are_needed_known_and_bound_to_their_path(
    running: RunningProgram, client: RawClient
) -> None:
    """No session: 400. Unknown, ended, or another path's: 404. Wrong version: 400."""
    other = RawClient(running.http, "/mcp")
    ping = client.request("ping")
    assert (await other.post(ping)).status_code == 400
    other.headers["mcp-session-id"] = client.headers["mcp-session-id"]
    assert (await other.post(ping)).status_code == 404
    client.headers["mcp-protocol-version"] = "1999-01-01"
    assert (await client.post(ping)).status_code == 400
    del client.headers["mcp-protocol-version"]
    assert (await client.post(ping)).status_code == 200
    deleted = await running.http.delete(client.path, headers=client.headers)
    assert deleted.status_code == 204
    assert (await client.post(ping)).status_code == 404


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ],
)
async def test_the_version_is_the_clients_own_where_it_is_known(
    running: RunningProgram, asked: str, agreed: str
) -> None:
    """initialize answers with the server's words at the version both sides speak."""
    hello = await RawClient(running.http, "/mcp/s/one").open(asked)
    assert hello["result"]["protocolVersion"] == agreed
    assert hello["result"]["serverInfo"]["name"] == "faultsrv"
    assert hello["result"]["instructions"] == "Misbehaves on purpose."


async def test_ids_keep_their_form_and_may_not_be_used_twice_at_once(client: RawClient) -> None:
    """Text ids stay text, numbers stay numbers; an id still in use is refused."""
    for request_id in (0, -7, 2**63, "7", "ünï", ""):
        reply = await client.ask("tools/call", {"name": "echo", "arguments": {}}, request_id)
        assert reply["id"] == request_id
    slow = client.request("tools/call", {"name": "slow", "arguments": {"key": "k", "ms": 60000}}, 9)
    first = asyncio.create_task(client.post(slow))
    async with asyncio.timeout(60):
        while (await client.post(slow | {"method": "ping"})).status_code == 200:
            pass  # the slow request has not arrived yet
    assert (await client.post(slow)).status_code == 400
    await client.call("release", {"key": "k"})
    assert (await first).json()["id"] == 9


async def test_errors_and_unknown_members_pass_through_unchanged(client: RawClient) -> None:
    """An error object keeps code, message and data; what the server answers is not re-modelled."""
    reply = await client.ask("vendor/unknown", {"x": 1})
    assert reply["error"]["code"] == -32601
    result = await client.call("echo", {"deep": {"unknown": [1, 2.50, None]}})
    assert result["structuredContent"]["arguments"] == {"deep": {"unknown": [1, 2.5, None]}}


async def test_a_changed_list_is_told_on_the_stream_and_then_listed(
    running: RunningProgram, client: RawClient
) -> None:
    """After the server's tools change, the client hears list_changed and then lists the new."""
    before = {tool["name"] for tool in (await client.ask("tools/list"))["result"]["tools"]}
    async with running.http.stream("GET", client.path, headers=client.headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.aiter_lines()
        await client.call("flip", {})
        async with asyncio.timeout(60):
            async for line in lines:
                if line.startswith("data: "):
                    break
    assert json.loads(line[6:])["method"] == "notifications/tools/list_changed"
    after = {tool["name"] for tool in (await client.ask("tools/list"))["result"]["tools"]}
    assert after ^ before == {"flipped"}


async def test_a_server_request_is_answered_and_the_call_goes_on(client: RawClient) -> None:
    """What a server asks of its client is answered, so that it never waits for ever."""
    answer = await client.post(client.request("tools/call", {"name": "ask", "arguments": {}}))
    assert "result" in messages(answer)[-1]


async def test_a_quarantined_server_shows_and_does_nothing(running: RunningProgram) -> None:
    """Its tools are neither found nor callable, and the refusal says who can change that."""
    refused = await RawClient(running.http, "/mcp/s/hidden").open()
    assert "approve" in refused["error"]["message"]
    hub = RawClient(running.http, "/mcp")
    await hub.open()
    found = await hub.call("retrieve_tools", {"query": "echo", "limit": 100})
    answer = json.loads(found["content"][0]["text"])
    ids = [hit["tool_id"] for hit in answer["tools"]]
    assert answer["not_searched"] == {"hidden": "Waiting for approval"}
    assert "one:echo" in ids
    assert not [each for each in ids if each.startswith("hidden:")]
    result = await hub.call("call_tool", {"name": "hidden:echo", "args": {}})
    assert result["isError"]
    assert "approve" in result["content"][0]["text"]


async def test_call_tool_passes_arguments_on_and_results_back(running: RunningProgram) -> None:
    """args and args_json mean the same; progress reaches the caller with its own token."""
    hub = RawClient(running.http, "/mcp")
    await hub.open()
    for given in ({"args": {"a": [1, "ü"]}}, {"args_json": '{"a": [1, "ü"]}'}):
        result = await hub.call("call_tool", {"name": "one:echo", **given})
        assert result["structuredContent"]["arguments"] == {"a": [1, "ü"]}
    params = {
        "name": "call_tool",
        "arguments": {"name": "one:progress", "args": {"steps": 2}},
        "_meta": {"progressToken": 77},
    }
    answer = await hub.post(hub.request("tools/call", params))
    *told, _ = messages(answer)
    assert [each["params"]["progressToken"] for each in told] == [77, 77]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("call_tool", {"name": "echo"}, "is no tool id"),
        ("call_tool", {"name": "none:echo"}, "There is no server 'none'"),
        ("call_tool", {"name": "one:none"}, "has no tool 'none'"),
        ("call_tool", {"name": "one:echo", "args_json": "{"}, "must be a JSON object"),
        ("call_tool", {"name": "one:echo", "args_json": "[]"}, "must be a JSON object"),
        ("call_tool", {"name": "one:echo", "args": {}, "args_json": "{}"}, "not both"),
        ("call_tool", {}, "wrong arguments"),
        ("retrieve_tools", {}, "wrong arguments"),
        ("retrieve_tools", {"query": 5}, "wrong arguments"),
    ],
)
async def test_wrong_use_of_a_built_in_tool_helps_the_model(
    running: RunningProgram, tool: str, arguments: Json, words: str
) -> None:
    """The result is an error that says what to do, not a protocol error."""
    hub = RawClient(running.http, "/mcp")
    await hub.open()
    result = await hub.call(tool, arguments)
    assert result["isError"]
    assert words in result["content"][0]["text"]


async def test_a_server_that_restarts_is_introduced_and_listed_as_it_was(
    running: RunningProgram, client: RawClient
) -> None:
    """Whoever connects meanwhile gets what was known, and its first call waits for the server."""
    listed = (await client.ask("tools/list"))["result"]["tools"]
    assert listed
    await client.ask("tools/call", {"name": "die", "arguments": {}})
    other = RawClient(running.http, "/mcp/s/one")
    hello = await other.open()
    assert hello["result"]["serverInfo"]["name"] == "faultsrv"
    assert (await other.ask("tools/list"))["result"]["tools"] == listed
    assert (await other.call("echo", {"a": 1}))["structuredContent"]["arguments"] == {"a": 1}

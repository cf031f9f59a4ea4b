"""Clients of one server that asks: kept apart where a question could be meant for several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient, by_method, stream
from tests.mcp_stateless import StatelessClient
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(60)

COMMAND, *ARGS = faultsrv.command("ok")
LIMIT = 25.0


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    entry: Json = {"command": COMMAND, "args": ARGS}
    home.configure({"auto": entry, "alone": {**entry, "isolation": "per_client"}})
    async with program(home) as started:
        await started.ready()
        yield started


async def pid(client: RawClient | StatelessClient) -> int:
    result = await client.call("echo", {})
    found: int = result["structuredContent"]["pid"]
    return found


async def test_a_question_that_waits_blocks_nobody_else(running: RunningProgram) -> None:
    """While one client thinks, others of both eras are asked too, each its own question."""
    thinking = StatelessClient(running.http, "/mcp/s/auto")
    parked = await thinking.call("ask", {})
    assert parked["resultType"] == "input_required"
    other = StatelessClient(running.http, "/mcp/s/auto")
    asked = await other.call("ask", {})
    with_session = RawClient(running.http, "/mcp/s/auto")
    await with_session.open(roots={})
    message = with_session.request("tools/call", {"name": "ask", "arguments": {}})
    async with asyncio.timeout(LIMIT), stream(with_session, message) as told:
        async for each in told:
            if "method" in each:
                said = {"jsonrpc": "2.0", "id": each["id"], "result": {"of": "session"}}
                await with_session.post(said)
    assert by_method(each["result"])["roots/list"]["result"] == {"of": "session"}
    for client, result, name in ((other, asked, "other"), (thinking, parked, "thinking")):
        answers = {key: {"of": name} for key in result["inputRequests"]}
        state = result["requestState"]
        done = await client.call("ask", {}, inputResponses=answers, requestState=state)
        assert by_method(done)["elicitation/create"]["result"] == {"of": name}


async def test_per_client_gives_each_session_a_process_until_it_ends(
    running: RunningProgram,
) -> None:
    """Two sessions never meet in one process, and what is theirs ends with them."""
    first, second = (RawClient(running.http, "/mcp/s/alone") for _ in range(2))
    await first.open()
    await second.open()
    pids = [await pid(client) for client in (first, second, first, second)]
    assert pids[:2] == pids[2:]
    assert pids[0] != pids[1]
    assert (await running.server("alone"))["pid"] not in pids
    shared = RawClient(running.http, "/mcp/s/auto")
    again = RawClient(running.http, "/mcp/s/auto")
    await shared.open()
    await again.open()
    assert await pid(shared) == await pid(again)


async def test_a_process_of_ones_own_that_dies_is_replaced(running: RunningProgram) -> None:
    """The call that killed it fails and says so; the next is served by another process."""
    client = RawClient(running.http, "/mcp/s/alone")
    await client.open()
    before = await pid(client)
    lost = await client.ask("tools/call", {"name": "die", "arguments": {}})
    assert lost["error"]["code"] == -31002
    assert await pid(client) != before

"""Many clients on one server: ids collide, tokens collide, and nobody gets another's answer."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.fakes import faultsrv
from tests.mcp_http import RawClient, messages, wire
from tests.program import Home, program

pytestmark = pytest.mark.timeout(240)

CLIENTS = 16
CALLS_EACH = 625  # 10,000 in all
COMMAND, *ARGS = faultsrv.command("ok")


@pytest.fixture
def echo(home: Home) -> Home:
    home.configure({"echo": {"command": COMMAND, "args": ARGS}})
    return home


async def test_ten_thousand_calls_with_colliding_ids_each_get_their_own_answer(
    echo: Home,
) -> None:
    """16 clients all number their requests 1, 2, 3 …; every answer is the asker's own."""
    async with program(echo) as running:
        await running.ready()

        async def many(number: int) -> int:
            async with wire(f"{running.endpoint}/s/echo") as client:
                await client.open()
                for count in range(1, CALLS_EACH + 1):
                    secret = {"secret": f"client {number}, call {count}"}
                    params = {"name": "echo", "arguments": secret}
                    answer = await client.ask(count, "tools/call", params)
                    assert answer["result"]["structuredContent"]["arguments"] == secret
            return CALLS_EACH

        done = await asyncio.gather(*(many(number) for number in range(CLIENTS)))
        assert sum(done) == 10_000
        page = (await running.http.get("/metrics")).text
        (counted,) = [
            line for line in page.splitlines() if line.startswith("mcpproxy_tool_calls_total{")
        ]
        assert 'status="success"' in counted
        assert counted.endswith(" 10000.0")


async def test_progress_reaches_only_the_client_that_asked_with_that_token(echo: Home) -> None:
    """Two clients use the same progress token; each hears its own steps, with its own token."""
    async with program(echo) as running:
        await running.ready()

        async def ask(steps: int) -> list[int]:
            client = RawClient(running.http, "/mcp/s/echo")
            await client.open()
            params = {
                "name": "progress",
                "arguments": {"steps": steps},
                "_meta": {"progressToken": "same"},
            }
            answer = await client.post(client.request("tools/call", params))
            *told, reply = messages(answer)
            assert "result" in reply
            assert {each["params"]["progressToken"] for each in told} == {"same"}
            return [each["params"]["total"] for each in told]

        counts = (3, 5, 7, 9)
        heard = await asyncio.gather(*(ask(steps) for steps in counts))
        assert heard == [[steps] * steps for steps in counts]


async def test_a_cancelled_call_is_cancelled_upstream_and_gets_no_answer(echo: Home) -> None:
    """The server hears of the cancellation under the id it knows; others' calls go on."""
    async with program(echo) as running:
        await running.ready()
        patient, hasty = (RawClient(running.http, "/mcp/s/echo") for _ in range(2))
        await patient.open()
        await hasty.open()
        slow = {"name": "slow", "arguments": {"key": "k", "ms": 60_000}}
        calls = [
            asyncio.create_task(each.post(each.request("tools/call", slow, "same id")))
            for each in (patient, hasty)
        ]
        await _both_have_arrived(patient)
        told = {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": "same id", "reason": "changed my mind"},
        }
        assert (await hasty.post(told)).status_code == 202
        assert (await calls[1]).content == b""
        assert not calls[0].done()
        await patient.call("release", {"key": "k"})
        assert (await calls[0]).json()["id"] == "same id"


async def _both_have_arrived(client: RawClient) -> None:
    async with asyncio.timeout(60):
        for looked in itertools.count(1):
            seen = (await client.call("seen", {}))["structuredContent"]["messages"]
            calls = [each for each in seen if each.get("method") == "tools/call"]
            if len(calls) == looked + 2:
                return

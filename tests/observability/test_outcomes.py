"""What is counted of requests is exactly what happened, to clients of both eras."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.faults.invariants import metric
from tests.faults.scene import entry
from tests.mcp_http import RawClient
from tests.mcp_stateless import StatelessClient
from tests.program import Home, RunningProgram, program

Json = dict[str, Any]

SERVERS: dict[str, Json] = {
    "well": entry(call_timeout="300ms"),
    "missing": {"command": "no-such-command-anywhere"},
    "locked": entry(quarantined=True),
}


class Counted:
    """The metrics before and after; ``rose`` is by how much."""

    def __init__(self, running: RunningProgram) -> None:
        self._running = running
        self._before = ""
        self._after = ""

    async def begin(self) -> None:
        self._before = (await self._running.http.get("/metrics")).text

    async def end(self) -> None:
        self._after = (await self._running.http.get("/metrics")).text

    def rose(self, name: str, **labels: str) -> float:
        full = f"mcpproxy_{name}"
        return metric(self._after, full, **labels) - metric(self._before, full, **labels)

    def calls(self, outcome: str) -> float:
        return self.rose("requests_total", method="tools/call", outcome=outcome)


def tool(name: str, **arguments: object) -> Json:
    return {"name": name, "arguments": arguments}


async def client_of(running: RunningProgram, era: str) -> RawClient | StatelessClient:
    if era == "stateless":
        return StatelessClient(running.http, "/mcp/s/well")
    client = RawClient(running.http, "/mcp/s/well")
    await client.open()
    return client


@pytest.mark.parametrize("era", ["stateful", "stateless"])
async def test_every_outcome_is_counted_once(home: Home, era: str) -> None:
    """Each way a call can end raises its own counter by one, for the server and in all."""
    home.configure(SERVERS)
    async with program(home) as running:
        await running.ready("well", "locked")
        well = await client_of(running, era)
        counted = Counted(running)
        await counted.begin()
        await well.ask("tools/call", tool("echo"))
        await well.ask("tools/call", tool("fail"))
        await well.ask("tools/call", tool("fail", code=-5, message="no"))
        await well.ask("tools/call", tool("mute"))
        await well.ask("made/up")
        locked = StatelessClient(running.http, "/mcp/s/locked")
        refused = await locked.ask("tools/call", tool("echo"))
        assert "error" in refused
        await well.ask("tools/call", tool("die"))
        await counted.end()
        per_server = {"success": "echo", "tool_error": "fail", "timeout": "mute", "lost": "die"}
        for outcome, name in {**per_server, "rpc_error": "fail"}.items():
            labels = {"server": "well", "tool": name, "status": outcome}
            assert counted.rose("tool_calls_total", **labels) == 1, outcome
            assert counted.rose("tool_call_duration_seconds_count", **labels) == 1, outcome
            assert counted.calls(outcome) == 1, outcome
        assert counted.calls("refused") == 1
        assert counted.rose("requests_refused_total", server="locked", reason="quarantined") == 1
        assert counted.rose("requests_total", method="other", outcome="rpc_error") == 1
        # Those that were answered, of any kind, and were not kept waiting
        assert counted.rose("proxy_overhead_seconds_count") == 4


async def test_a_call_that_nobody_wants_any_more_is_cancelled(home: Home) -> None:
    """By its notification in the one era, by going away in the other."""
    home.configure({"well": entry()})
    async with program(home) as running:
        await running.ready("well")
        counted = Counted(running)
        await counted.begin()

        stateful = RawClient(running.http, "/mcp/s/well")
        await stateful.open()
        request = stateful.request("tools/call", tool("mute"))
        asked = asyncio.ensure_future(stateful.post(request))
        params = {"requestId": request["id"], "reason": "changed my mind"}
        while not asked.done():  # until it came after the request
            await stateful.post(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            )

        stateless = StatelessClient(running.http, "/mcp/s/well")
        taken = await _taken(stateless)
        going = asyncio.ensure_future(stateless.ask("tools/call", tool("slow", key="never")))
        async with asyncio.timeout(30):
            looks = 1
            while await _taken(stateless) == taken + looks:
                looks += 1
        going.cancel()
        await asyncio.wait({going})
        async with asyncio.timeout(30):
            while counted.calls("cancelled") < 2:
                await counted.end()
        assert counted.rose("tool_calls_total", server="well", tool="mute", status="cancelled") == 1
        assert counted.rose("tool_calls_total", server="well", tool="slow", status="cancelled") == 1


async def test_a_call_to_a_server_that_is_down_is_counted_as_such(home: Home) -> None:
    """Nothing was sent, so it is no call of the server's, but a request that was refused."""
    home.configure(SERVERS)
    async with program(home) as running:
        await running.until(lambda world: world["servers"]["missing"]["status"] == "failed")
        counted = Counted(running)
        await counted.begin()
        client = StatelessClient(running.http, "/mcp/s/missing")
        assert "error" in await client.ask("tools/call", tool("echo"))
        await counted.end()
        assert counted.calls("unavailable") == 1
        assert counted.rose("requests_refused_total", server="missing", reason="unavailable") == 1


async def _taken(client: StatelessClient) -> int:
    """Tool calls the server has taken so far, this one included."""
    seen = await client.call("seen", {})
    return sum(each["method"] == "tools/call" for each in seen["structuredContent"]["messages"])

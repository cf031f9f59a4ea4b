"""A program with servers of every kind of trouble, and clients that run into it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from httpx_sse import aconnect_sse

from tests.faults.scene import entry
from tests.mcp_http import RawClient
from tests.program import RunningProgram

Json = dict[str, Any]

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"

SERVERS: dict[str, Json] = {
    "well": entry(call_timeout="400ms", max_concurrent_requests=2),
    "mortal": entry(),
    "chatty": entry("banner", "Hello, I print where I should not."),
    "broken": entry("exit", "1"),
    "missing": {"command": "no-such-command-anywhere"},
    "off": entry(enabled=False),
    "locked": entry(quarantined=True),
}


class Clients:
    """Everybody who uses the program, for one round after the other."""

    def __init__(self, running: RunningProgram) -> None:
        self._running = running
        self._http = running.http

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Somebody listens to the event stream meanwhile."""
        async with aconnect_sse(self._http, "GET", "/events"):
            yield

    async def round(self, number: int) -> None:
        """Every kind of request once, and every kind of trouble."""
        await asyncio.gather(
            self._use_well(number),
            self._kill_mortal(),
            self._call("chatty", "echo", {}),
            self._call("missing", "echo", {}),
            self._call("locked", "echo", {}),
            self._search(),
            self._knock(),
        )

    async def _use_well(self, number: int) -> None:
        client = await self._client("well")
        params = {"name": "echo", "arguments": {}, "_meta": {"traceparent": TRACEPARENT}}
        assert "result" in await client.ask("tools/call", params)
        await client.ask("tools/call", {"name": "fail", "arguments": {}})
        await client.ask("tools/call", {"name": "fail", "arguments": {"code": -1, "message": "no"}})
        if number % 4 == 0:
            await client.ask("tools/call", {"name": "mute", "arguments": {}})
        await client.ask("tools/list")
        await client.ask("no/such/method")
        slow = {"name": "slow", "arguments": {"ms": 100}}
        await asyncio.gather(*(client.ask("tools/call", slow) for _ in range(4)))
        await self._cancel(client)

    async def _cancel(self, client: RawClient) -> None:
        request = client.request("tools/call", {"name": "slow", "arguments": {"ms": 300}})
        asked = asyncio.ensure_future(client.post(request))
        params = {"requestId": request["id"], "reason": "changed my mind"}
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        while not asked.done():  # until it came after the request
            await client.post(cancel)

    async def _kill_mortal(self) -> None:
        await self._call("mortal", "die", {})

    async def _call(self, server: str, tool: str, arguments: Json) -> None:
        """Whatever comes of it."""
        client = RawClient(self._http, f"/mcp/s/{server}")
        if "result" in await client.open():
            await client.ask("tools/call", {"name": tool, "arguments": arguments})

    async def _search(self) -> None:
        client = RawClient(self._http, "/mcp")
        await client.open()
        await client.call("retrieve_tools", {"query": "echo"})

    async def _knock(self) -> None:
        """As those who may not come in."""
        await self._http.get("/api/v1/status", headers={"X-API-Key": "wrong"})
        await self._http.get("/api/v1/status", headers={"Host": "evil.example"})
        await self._http.get("/api/v1/status", headers={"Origin": "http://evil.example"})
        await self._http.get("/api/v1/servers/nobody/logs")

    async def _client(self, server: str) -> RawClient:
        client = RawClient(self._http, f"/mcp/s/{server}")
        await client.open()
        return client

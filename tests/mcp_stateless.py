"""A client of the stateless era that does only what a test tells it, wrong things included."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from tests.mcp_http import Json, messages

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
ABLE: Json = {"sampling": {"tools": {}}, "elicitation": {"form": {}, "url": {}}, "roots": {}}
"""Capabilities of a client that can be asked everything."""

NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class StatelessClient:
    """Every request stands for itself; ``capabilities`` go with each."""

    def __init__(
        self, http: httpx.AsyncClient, path: str, capabilities: Json | None = None
    ) -> None:
        self.http = http
        self.path = path
        self.capabilities = ABLE if capabilities is None else capabilities
        self.ids = itertools.count(1)

    def meta(self, **more: Any) -> Json:
        """``_meta`` as every request needs it."""
        return {
            PREFIX + "protocolVersion": VERSION,
            PREFIX + "clientCapabilities": self.capabilities,
            PREFIX + "clientInfo": {"name": "test", "version": "1"},
            **more,
        }

    def request(self, method: str, params: Json | None = None, request_id: Any = None) -> Json:
        params = {"_meta": self.meta(), **(params or {})}
        number = next(self.ids) if request_id is None else request_id
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def headers(self, message: Json) -> dict[str, str]:
        """The headers that repeat what the body says."""
        method = message["method"]
        found = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
        }
        name = message.get("params", {}).get(NAMED.get(method, ""))
        return found if name is None else {**found, "mcp-name": name}

    async def post(self, message: Json, **headers: str) -> httpx.Response:
        """``headers`` go over those that fit the body; an empty one leaves it out."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        found = {k: v for k, v in {**self.headers(message), **given}.items() if v}
        return await self.http.post(self.path, json=message, headers=found)

    async def ask(self, method: str, params: Json | None = None, request_id: Any = None) -> Json:
        """The answer to a request, whichever way it came; it must carry the request's id."""
        message = self.request(method, params, request_id)
        reply = messages(await self.post(message))[-1]
        assert reply["id"] == message["id"]
        return reply

    async def call(self, tool: str, arguments: Json, **more: Any) -> Json:
        """The result of a tool call, which may be questions."""
        reply = await self.ask("tools/call", {"name": tool, "arguments": arguments, **more})
        assert "result" in reply, reply
        result: Json = reply["result"]
        return result

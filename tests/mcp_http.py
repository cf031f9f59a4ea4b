"""A client of streamable HTTP that does only what a test tells it, wrong things included."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx

Json = dict[str, Any]


class RawClient:
    """One session; ``ids`` gives the ids of its requests, by default 1, 2, 3 …"""

    def __init__(self, http: httpx.AsyncClient, path: str) -> None:
        self.http = http
        self.path = path
        self.ids = itertools.count(1)
        self.headers = {"accept": "application/json, text/event-stream"}

    async def open(self, version: str = "2025-11-25") -> Json:
        """Shake hands; the result of ``initialize``."""
        params = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }
        answer = await self.post(self.request("initialize", params))
        assert answer.status_code == 200, answer.text
        message: Json = answer.json()
        if "result" in message:
            self.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
            self.headers["mcp-protocol-version"] = message["result"]["protocolVersion"]
            told = await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
            assert told.status_code == 202, told.text
        return message

    def request(self, method: str, params: Json | None = None, request_id: Any = None) -> Json:
        message: Json = {
            "jsonrpc": "2.0",
            "id": next(self.ids) if request_id is None else request_id,
            "method": method,
        }
        return message if params is None else {**message, "params": params}

    async def post(self, message: Any) -> httpx.Response:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = {**self.headers, "content-type": "application/json"}
        return await self.http.post(self.path, content=body, headers=headers)

    async def ask(self, method: str, params: Json | None = None, request_id: Any = None) -> Json:
        """The answer to a request, whichever way it came; it must carry the request's id."""
        message = self.request(method, params, request_id)
        answer = await self.post(message)
        assert answer.status_code == 200, answer.text
        reply = messages(answer)[-1]
        assert reply["id"] == message["id"]
        return reply

    async def call(self, tool: str, arguments: Json, request_id: Any = None) -> Json:
        """The result of a tool call."""
        params = {"name": tool, "arguments": arguments}
        reply = await self.ask("tools/call", params, request_id)
        assert "result" in reply, reply
        result: Json = reply["result"]
        return result


def messages(answer: httpx.Response) -> list[Json]:
    """The messages of an answer, one as JSON or several as a stream."""
    if answer.headers["content-type"] == "application/json":
        return [answer.json()]
    lines = answer.text.split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

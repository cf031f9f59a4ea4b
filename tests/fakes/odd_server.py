"""A server by URL whose messages are right as JSON-RPC, and otherwise like nobody else's.

Extensions, vendors' methods and whatever MCP will have one day look like this to who came before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.connections import listening

Json = dict[str, Any]

VENDOR_METHOD = "example.com/do"
VENDOR_NOTIFICATION = "notifications/example.com/happened"

NUMBERS = (
    '{"big": 1152921504606846977, "long": 0.10000000000000000001, "round": 1.0, '
    '"tiny": 1e-7, "word": "caf\\u00e9 \\ud83d\\ude00 \\u2028"}'
)
"""As text, since reading it would change some of it."""

TOOLS: list[Json] = [
    {
        "name": f"tool_{number}",
        "inputSchema": {"type": "object", "example.com/hint": {"order": number}, "$comment": "x"},
        "example.com/price": {"cents": number},
        "future": [None, {"deep": True}],
        "_meta": {"ui": {"resourceUri": f"ui://tool/{number}"}},
    }
    for number in range(5)
]
PAGE = 2

HELLO: Json = {
    "protocolVersion": "2025-11-25",
    "capabilities": {
        "tools": {"example.com/sorted": True},
        "example.com/holograms": {"depth": 3},
        "extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html"]}},
    },
    "serverInfo": {"name": "odd", "version": "0", "example.com/mood": "fine"},
    "instructions": "Odd.",
    "example.com/greeting": {"hello": "there"},
    "_meta": {"example.com/kept": 1},
}
CALLED: Json = {
    "content": [
        {"type": "example.com/hologram", "frames": [[0, 1], [1, 0]], "annotations": {"x": 1}},
        {"type": "text", "text": "t", "example.com/voice": "low", "_meta": {"a": {"b": None}}},
    ],
    "structuredContent": [1, None, "three"],
    "example.com/cost": {"tokens": 12},
    "_meta": {"example.com/trace": {"span": "s"}},
}
ERROR: Json = {
    "code": -32050,
    "message": "Odd.",
    "data": {"why": [{"deep": None}]},
}


class OddServer:
    """What it was asked, and what it tells."""

    def __init__(self) -> None:
        self.received: list[Json] = []
        self._listeners: set[asyncio.Queue[str]] = set()
        self.arrived = asyncio.Condition()

    async def tell(self, message: str) -> None:
        """Send something to whoever listens; waits until somebody does."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: self._listeners)
        for listener in self._listeners:
            listener.put_nowait(message)

    async def got(self, method: str) -> Json:
        """The first message of a method, now or later."""

        def found() -> list[Json]:
            return [each for each in self.received if each.get("method") == method]

        async with self.arrived:
            await self.arrived.wait_for(found)
        return found()[0]

    def answer(self, request: Json) -> str:
        """A response as text."""
        method, params = request["method"], request.get("params", {})
        result: Json | str
        if method == "initialize":
            result = HELLO
        elif method == "tools/list":
            start = int(params.get("cursor", "0"))
            result = {"tools": TOOLS[start : start + PAGE], "example.com/page": start}
            if start + PAGE < len(TOOLS):
                result["nextCursor"] = str(start + PAGE)
        elif method == VENDOR_METHOD:
            result = f'{{"did": {NUMBERS}, "params": {json.dumps(params)}}}'
        elif method == "tools/call" and params["name"] == "tool_1":
            return f'{{"jsonrpc": "2.0", "id": {request["id"]}, "error": {json.dumps(ERROR)}}}'
        elif method == "tools/call":
            result = CALLED
        elif method == "ping":
            result = {}
        else:
            error = {"code": -32601, "message": "Method not found"}
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error})
        body = result if isinstance(result, str) else json.dumps(result)
        return f'{{"jsonrpc": "2.0", "id": {json.dumps(request["id"])}, "result": {body}}}'

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines if line)
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            if first.startswith("GET"):
                await self._listen(writer)
            else:
                await self._post(writer, first, body)

    async def _post(self, writer: asyncio.StreamWriter, first: str, body: bytes) -> None:
        message = json.loads(body) if first.startswith("POST") else {}
        async with self.arrived:
            self.received.append(message)
            self.arrived.notify_all()
        if "id" in message:
            answer = self.answer(message).encode()
            head = f"200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}"
        else:
            answer, head = b"", "202 Accepted\r\ncontent-length: 0"
        writer.write(f"HTTP/1.1 {head}\r\nmcp-session-id: odd\r\n\r\n".encode() + answer)
        await writer.drain()

    async def _listen(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        messages: asyncio.Queue[str] = asyncio.Queue()
        async with self.arrived:
            self._listeners.add(messages)
            self.arrived.notify_all()
        try:
            while True:
                writer.write(f"data: {await messages.get()}\n\n".encode())
                await writer.drain()
        finally:
            self._listeners.discard(messages)


@asynccontextmanager
async def odd_server() -> AsyncIterator[tuple[OddServer, str]]:
    """It on a port of its own, with its URL."""
    odd = OddServer()
    async with listening(odd.serve) as port:
        yield odd, f"http://127.0.0.1:{port}/mcp"

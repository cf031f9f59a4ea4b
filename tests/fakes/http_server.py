"""An MCP server over HTTP on raw sockets, whose every answer a test can replace by worse ones.

What is not replaced is as it should be. It runs in the loop of the test, on a port of its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

TOOLS = [
    {
        "name": "echo",
        "description": "Gives back its arguments.",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string", "x-mcp-header": "Text"}},
        },
    }
]
CAPABILITIES = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
}
STATELESS = "2026-07-28"


@dataclass(slots=True)
class Request:
    """One HTTP request; ``said`` is the message in it, if it is JSON."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    said: Json = field(default_factory=dict)

    @property
    def method(self) -> str:
        return str(self.said.get("method", ""))


class Wire:
    """The way back to the client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.ended = False
        self._reader = reader

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, status: int, body: bytes | Json = b"", kind: str = "application/json", **more: str
    ) -> None:
        """A whole answer; names of headers have ``_`` for ``-``."""
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
        if body:
            head.append(f"Content-Type: {kind}")
        head += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        await self.raw("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    async def result(self, request: Request, result: Json, **more: str) -> None:
        answer = {"jsonrpc": "2.0", "id": request.said["id"], "result": result}
        await self.answer(200, answer, **more)

    async def stream(self, **more: str) -> None:
        """Begin a stream of events."""
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        lines = [f"\r\n{name.replace('_', '-')}: {value}" for name, value in more.items()]
        await self.raw((head + "".join(lines) + "\r\n\r\n").encode())

    async def event(self, message: Json | str = "", event_id: str = "", name: str = "") -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        lines = [f"id: {event_id}\n"] if event_id else []
        lines += [f"event: {name}\n"] if name else []
        await self.chunk(("".join(lines) + f"data: {text}\n\n").encode())

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """The regular end of a stream."""
        await self.raw(b"0\r\n\r\n")

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        self.ended = True
        with suppress(ConnectionError):
            while await self._reader.read(4096):
                pass

    def drop(self, reset: bool = False) -> None:
        """End the connection in the middle of whatever it is."""
        self.ended = True
        if reset:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Request, Wire], Awaitable[bool]]
"""Answers a request and returns true, or leaves it to the server."""


async def nothing(request: Request, wire: Wire) -> bool:
    return False


def oldest(streams: list[Wire]) -> Script:
    """Answers as a server that knows only HTTP with SSE (2024-11-05); ``streams`` gets its own."""

    async def script(request: Request, wire: Wire) -> bool:
        if request.verb == "GET":
            await wire.stream()
            await wire.event("/messages?id=1", name="endpoint")
            streams.append(wire)
            await asyncio.get_running_loop().create_future()
        elif request.path != "/messages?id=1":
            await wire.answer(405)
        else:
            await wire.answer(202)
            if "id" in request.said and request.method:
                results: dict[str, Json] = {
                    "initialize": {
                        "protocolVersion": "2024-11-05",
                        "capabilities": {"tools": {}},
                        "serverInfo": {"name": "old", "version": "0"},
                    },
                    "tools/list": {"tools": [{"name": "echo", "inputSchema": {}}]},
                    "tools/call": {"content": [], "structuredContent": {"old": True}},
                }
                result = results[request.method]
                told = {"jsonrpc": "2.0", "id": request.said["id"], "result": result}
                await streams[-1].event(told)
        return True

    return script


class HttpServer:
    """Stateful, unless ``stateless``; ``seen`` has every request in order."""

    def __init__(self, *, stateless: bool = False) -> None:
        self.stateless = stateless
        self.script: Script = nothing
        self.seen: list[Request] = []
        self.arrived = asyncio.Condition()
        self.sessions: set[str] = set()
        self.sessions_made = 0
        self.calls = 0  # tool calls that ran
        self.streams: list[tuple[Request, Wire]] = []  # that stay open
        self.offers_stream = True
        self.wraps = False  # whether ``echo`` says "arguments" before them, as faultsrv does
        self.port = 0
        self.scheme = "http"
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def methods(self) -> list[str]:
        """What was asked, as methods of MCP or verbs of HTTP."""
        return [each.method or each.verb for each in self.seen]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a request makes true."""
        async with self.arrived, asyncio.timeout(15):
            await self.arrived.wait_for(condition)

    async def tell(self, message: Json) -> None:
        """Say something on every stream that is open."""
        for request, wire in self.streams:
            if self.stateless:
                params = message.setdefault("params", {})
                meta = params.setdefault("_meta", {})
                meta["io.modelcontextprotocol/subscriptionId"] = request.said["id"]
            await wire.event(message)

    async def close(self) -> None:
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def drop_connections(self) -> None:
        """Let every connection go at once, as a server does that is restarted."""
        for task in tuple(self._connections):
            task.cancel()

    # --- the wire -------------------------------------------------------------------------------

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        wire = Wire(reader, writer)
        try:
            while not wire.ended:
                request = await _read(reader)
                if request is None:
                    return
                await self._handle(request, wire)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the client, or the end of the test
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _handle(self, request: Request, wire: Wire) -> None:
        async with self.arrived:
            self.seen.append(request)
            self.arrived.notify_all()
        if not await self.script(request, wire):
            await (self._modern if self.stateless else self._serve)(request, wire)
        async with self.arrived:
            self.arrived.notify_all()

    async def _serve(self, request: Request, wire: Wire) -> None:
        session = request.headers.get("mcp-session-id", "")
        if request.method == "initialize":
            self.sessions_made += 1
            made = f"session-{self.sessions_made}"
            self.sessions.add(made)
            hello = {
                "protocolVersion": "2025-11-25",
                "capabilities": CAPABILITIES,
                "serverInfo": {"name": "fake", "version": "1"},
            }
            await wire.result(request, hello, Mcp_Session_Id=made)
        elif not session:
            error = {"code": -32000, "message": "Bad Request: Server not initialized"}
            await wire.answer(400, {"jsonrpc": "2.0", "id": None, "error": error})
        elif session not in self.sessions:
            error = {"code": -32001, "message": "Session not found"}
            await wire.answer(404, {"jsonrpc": "2.0", "id": None, "error": error})
        elif request.verb == "GET":
            if not self.offers_stream:
                await wire.answer(405)
                return
            await wire.stream()
            await self._stay(request, wire)
        elif request.verb == "DELETE":
            self.sessions.discard(session)
            await wire.answer(200)
        elif "id" in request.said and request.method:
            await self._reply(request, wire)
        else:
            await wire.answer(202)

    async def _modern(self, request: Request, wire: Wire) -> None:
        if request.verb != "POST":
            await wire.answer(405)
        elif request.method == "server/discover":
            found = {
                "supportedVersions": [STATELESS],
                "capabilities": CAPABILITIES,
                "resultType": "complete",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "2"}},
            }
            await wire.result(request, found)
        elif request.method == "subscriptions/listen":
            await wire.stream()
            self.streams.append((request, wire))
            acknowledged = "notifications/subscriptions/acknowledged"
            await wire.event({"jsonrpc": "2.0", "method": acknowledged, "params": {}})
            self.streams.pop()
            await self._stay(request, wire)
        else:
            await self._reply(request, wire)

    async def _reply(self, request: Request, wire: Wire) -> None:
        match request.method:
            case "tools/list":
                await wire.result(request, {"tools": TOOLS})
            case "tools/call":
                self.calls += 1
                arguments = request.said["params"].get("arguments", {})
                told = {"arguments": arguments} if self.wraps else arguments
                await wire.result(request, {"content": [], "structuredContent": told})
            case "initialize":
                error = {"code": -32601, "message": "no such method"}
                await wire.answer(404, {"jsonrpc": "2.0", "id": request.said["id"], "error": error})
            case "resources/list" | "resources/templates/list":
                await wire.result(request, {"resources": [], "resourceTemplates": []})
            case _:
                await wire.result(request, {})

    async def _stay(self, request: Request, wire: Wire) -> None:
        self.streams.append((request, wire))
        async with self.arrived:
            self.arrived.notify_all()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.streams.remove((request, wire))


async def _read(reader: asyncio.StreamReader) -> Request | None:
    with suppress(asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        verb, path, _ = first.split(" ")
        pairs = (line.split(": ", 1) for line in lines if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(verb, path, headers, body)
        with suppress(ValueError):
            request.said = json.loads(body)
        return request
    return None


@asynccontextmanager
async def http_server(
    *, stateless: bool = False, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[HttpServer]:
    """A server that answers until the block ends."""
    fake = HttpServer(stateless=stateless)
    listening = await asyncio.start_server(fake.connected, "127.0.0.1", port, ssl=tls)
    fake.port = listening.sockets[0].getsockname()[1]
    fake.scheme = "https" if tls is not None else "http"
    try:
        yield fake
    finally:
        listening.close()
        await fake.close()
        await listening.wait_closed()

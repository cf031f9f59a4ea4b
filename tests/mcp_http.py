"""Clients of streamable HTTP that do only what a test tells them, wrong things included."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

Json = dict[str, Any]


class RawClient:
    """One session; ``ids`` gives the ids of its requests, by default 1, 2, 3 …"""

    def __init__(self, http: httpx.AsyncClient, path: str) -> None:
        self.http = http
        self.path = path
        self.ids = itertools.count(1)
        self.headers = {"accept": "application/json, text/event-stream"}

    async def open(self, version: str = "2025-11-25", **capabilities: Json) -> Json:
        """Shake hands; the result of ``initialize``."""
        params = {
            "protocolVersion": version,
            "capabilities": capabilities,
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


@asynccontextmanager
async def stream(client: RawClient, message: Json) -> AsyncIterator[AsyncIterator[Json]]:
    """Post a message and read its answer one message after the other."""
    headers = {**client.headers, "content-type": "application/json"}
    async with client.http.stream("POST", client.path, json=message, headers=headers) as answer:
        assert answer.status_code == 200

        async def read() -> AsyncIterator[Json]:
            if answer.headers["content-type"] == "application/json":
                yield json.loads(await answer.aread())
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])

        yield read()


def messages(answer: httpx.Response) -> list[Json]:
    """The messages of an answer, one as JSON or several as a stream."""
    if answer.headers["content-type"] == "application/json":
        return [answer.json()]
    lines = answer.text.split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def by_method(result: Json) -> Json:
    """What the fault server's tool ``ask`` was answered, by what it asked."""
    return {key.partition("#")[0]: said for key, said in result["structuredContent"].items()}


class Wire:
    """One connection that posts to one URL, with no more than HTTP needs: for many calls."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str
    ) -> None:
        parts = urlsplit(url)
        self._reader = reader
        self._writer = writer
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
        )
        self.headers: dict[str, str] = {}

    async def post(self, body: bytes, length: int | None = None) -> tuple[int, bytes]:
        """Status and body of the answer; ``length`` overrides what the header says."""
        self.send(body, length)
        return await self.receive()

    def send(self, body: bytes, length: int | None = None) -> None:
        """Ask without waiting for the answer, which ``receive`` gives later, in order."""
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        said = len(body) if length is None else length
        head = f"{self._head}{more}content-length: {said}\r\n\r\n"
        self._writer.write(head.encode() + body)

    async def receive(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        answer = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = answer.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines if line)
        if "mcp-session-id" in fields:
            # header values keep their case
            at = answer.lower().index(b"mcp-session-id: ") + 16
            self.headers["mcp-session-id"] = answer[at : answer.index(b"\r\n", at)].decode()
        content = await self._reader.readexactly(int(fields["content-length"]))
        return int(first.split()[1]), content

    def cut(self) -> None:
        """Close the connection as a killed client does, without a word."""
        self._writer.transport.abort()

    async def open(self) -> None:
        """Shake hands."""
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
        await self.ask(0, "initialize", params)

    async def ask(self, request_id: int, method: str, params: Json) -> Json:
        """The answer to a request that is answered as JSON."""
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        status, content = await self.post(json.dumps(message).encode())
        assert status == 200, content
        answer: Json = json.loads(content)
        assert answer["id"] == request_id
        return answer


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Wire(reader, writer, url)
    finally:
        writer.close()
        await writer.wait_closed()

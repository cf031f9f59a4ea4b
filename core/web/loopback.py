"""Asks the gateway as an AI client would, without a socket: one way for a call, whoever makes it.

What a person calls by REST is so approved, counted and limited like what an agent calls.
"""

from __future__ import annotations

import asyncio

import msgspec

from core.asgi import ASGIApp, Header, Message

VERSION = "2025-11-25"
HEADERS: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
)


class NotAnswered(Exception):
    """There is no result; ``str()`` says why, for a person."""


class _Error(msgspec.Struct):
    message: str = ""


class _Answer(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


_answer = msgspec.json.Decoder(_Answer)


class Loopback:
    """Calls tools through an ASGI app that speaks streamable HTTP."""

    def __init__(self, gateway: ASGIApp, version: str) -> None:
        self._gateway = gateway
        self._client = {"name": "mcpproxy-tray", "version": version}

    async def call(self, server: str, tool: str, arguments: bytes) -> bytes:
        """The result of one call. Raises NotAnswered."""
        path = f"/mcp/s/{server}"
        hello = {
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": self._client,
        }
        opened = await self._ask(path, (), "initialize", msgspec.json.encode(hello))
        opened.result()
        session = (
            (b"mcp-session-id", opened.header(b"mcp-session-id")),
            (b"mcp-protocol-version", VERSION.encode()),
        )
        try:
            params = msgspec.json.encode({"name": tool, "arguments": msgspec.Raw(arguments)})
            answered = await self._ask(path, session, "tools/call", params)
            return answered.result()
        finally:
            await self._send("DELETE", path, session, b"")

    async def _ask(
        self, path: str, headers: tuple[Header, ...], method: str, params: bytes
    ) -> _Exchange:
        body = b'{"jsonrpc":"2.0","id":1,"method":"%b","params":%b}' % (method.encode(), params)
        return await self._send("POST", path, headers, body)

    async def _send(
        self, method: str, path: str, headers: tuple[Header, ...], body: bytes
    ) -> _Exchange:
        exchange = _Exchange(body)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [*HEADERS, *headers],
            "state": {"request_id": b"loopback"},
        }
        await self._gateway(scope, exchange.receive, exchange.send)
        return exchange


class _Exchange:
    """One request's body, and what was answered to it."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._headers: dict[bytes, bytes] = {}
        self._answer = bytearray()

    async def receive(self) -> Message:
        if self._body is None:
            await asyncio.get_running_loop().create_future()  # it stays as long as we do
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._headers = dict(message["headers"])
        else:
            self._answer += message.get("body", b"")

    def header(self, name: bytes) -> bytes:
        return self._headers.get(name, b"")

    def result(self) -> bytes:
        """Raises NotAnswered."""
        messages = [bytes(self._answer)]
        if self.header(b"content-type").startswith(b"text/event-stream"):
            lines = bytes(self._answer).split(b"\n")
            messages = [line.removeprefix(b"data: ") for line in lines if line[:6] == b"data: "]
        for message in messages:
            try:
                answer = _answer.decode(message)
            except msgspec.DecodeError:
                continue
            if answer.error is not None:
                raise NotAnswered(answer.error.message)
            if answer.result:
                return bytes(answer.result)
        raise NotAnswered("The server gave no answer.")

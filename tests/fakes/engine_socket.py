"""The engine's socket as the bridge meets it, with answers that a test gives by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
LIMIT = 30.0

REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 404: "Not Found", 405: "No"}


@dataclass
class Asked:
    """One request, to be answered in whole or piece by piece."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # its connection was closed
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def message(self) -> Json:
        message: Json = json.loads(self.body)
        return message

    @property
    def kind(self) -> str:
        return str(self.message.get("method", "answer")) if self.body else self.method

    def answer(self, status: int, body: Json | None = None, **headers: str) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        kind = {"content-type": "application/json"} if body is not None else {}
        self._head(status, {**kind, **headers, "content-length": str(len(data))})
        self.writer.write(data)
        self.done.set()

    def result(self, result: Json, **headers: str) -> None:
        self.answer(200, {"jsonrpc": "2.0", "id": self.message["id"], "result": result}, **headers)

    def stream(self) -> None:
        self._head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})

    def event(self, message: Json) -> None:
        data = f"event: message\ndata: {json.dumps(message)}\n\n".encode()
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        self.done.set()

    def cut(self) -> None:
        """Close the connection without another word."""
        self.writer.transport.abort()
        self.done.set()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())


class FakeEngine:
    """Takes requests; ``asked`` gives the next one of a kind."""

    def __init__(self) -> None:
        self.order: list[str] = []  # of all that arrived
        self._waiting: list[Asked] = []
        self._arrived = asyncio.Condition()

    async def asked(self, what: str) -> Asked:
        """The next request of that MCP method, or without one: ``GET``, ``DELETE``, ``answer``."""
        async with asyncio.timeout(LIMIT), self._arrived:
            while True:
                for each in self._waiting:
                    if what == each.kind:
                        self._waiting.remove(each)
                        return each
                await self._arrived.wait()

    async def welcome(self, session: str, capabilities: Json | None = None) -> Asked:
        """Open a session for whoever shakes hands, and hold its stream; that stream."""
        hello = await self.asked("initialize")
        hello.result(
            {
                "protocolVersion": "2025-11-25",
                "capabilities": capabilities or {},
                "serverInfo": {"name": "fake", "version": "1"},
            },
            mcp_session_id=session,
        )
        (await self.asked("notifications/initialized")).answer(202)
        stream = await self.asked("GET")
        stream.stream()
        return stream

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                pairs = [line.split(": ", 1) for line in head[1:] if line]
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = Asked(method, path, headers, body, writer)
                async with self._arrived:
                    self.order.append(asked.kind)
                    self._waiting.append(asked)
                    self._arrived.notify_all()
                await self._until_answered(reader, asked)
        writer.close()

    async def _until_answered(self, reader: asyncio.StreamReader, asked: Asked) -> None:
        """A client that closes its connection meanwhile is told to the test."""
        done = asyncio.ensure_future(asked.done.wait())
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            asked.gone.set()
            done.cancel()
            raise ConnectionResetError
        gone.cancel()
        await asyncio.wait({gone})


@asynccontextmanager
async def fake_engine(socket_file: Path) -> AsyncIterator[FakeEngine]:
    """A fake at the place of the engine's socket."""
    socket_file.parent.mkdir(parents=True, exist_ok=True)
    engine = FakeEngine()
    server = await asyncio.start_unix_server(engine._serve, str(socket_file))
    try:
        yield engine
    finally:
        server.close()
        socket_file.unlink(missing_ok=True)

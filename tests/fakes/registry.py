"""A registry of servers on a real socket, whose answers a test decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.connections import listening

Json = dict[str, Any]

OFFICIAL = "io.modelcontextprotocol.registry/official"


def listed(server: Json, status: str = "active", message: str = "") -> Json:
    """An entry as the registry's list has it."""
    official = {"status": status, "isLatest": True, "publishedAt": "2026-01-01T00:00:00Z"}
    if message:
        official["statusMessage"] = message
    return {"server": server, "_meta": {OFFICIAL: official}}


def page(*entries: Json, cursor: str | None = None) -> bytes:
    """A page of the list as it is sent."""
    paging: Json = {"count": len(entries)}
    if cursor is not None:
        paging["nextCursor"] = cursor
    return json.dumps({"servers": list(entries), "metadata": paging}).encode()


@dataclass
class FakeRegistry:
    """``asked`` holds the path and query of each request; ``pages`` are answered by cursor."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    pages: dict[str, bytes] = field(default_factory=lambda: {"": page()})
    status: str = "200 OK"
    headers: tuple[str, ...] = ()
    silent: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = urlsplit(head.split(b" ", 2)[1].decode())
        asked = dict(parse_qsl(target.query))
        self.asked.append((target.path, asked))
        if self.silent:
            await reader.read()  # until the client gives up
        else:
            body = self.pages.get(asked.get("cursor", ""), b"")
            lines = [f"HTTP/1.1 {self.status}", f"Content-Length: {len(body)}", *self.headers]
            writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
            await writer.drain()


@asynccontextmanager
async def fake_registry() -> AsyncIterator[FakeRegistry]:
    """It listens on a free port of this computer until the test is over."""
    registry = FakeRegistry()
    async with listening(registry.serve) as port:
        registry.url = f"http://127.0.0.1:{port}"
        yield registry

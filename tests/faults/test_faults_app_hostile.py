"""F71: raw bytes that no client sends, at the real program."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from urllib.parse import urlsplit

import pytest

from tests.faults.conftest import SceneMaker
from tests.faults.scene import Scene, entry
from tests.faults.test_faults_app_clients import MEGABYTE, complaints, peak

pytestmark = pytest.mark.timeout(300)

LIMIT = 60.0  # seconds; a slow head is waited for half as long
SLOW = 20  # clients that never come to the point


class Raw:
    """One connection at which bytes are thrown."""

    def __init__(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer

    async def send(self, text: str) -> None:
        """``%H`` stands for the right Host line."""
        self._writer.write(text.replace("%H", f"Host: {self._host}\r\n").encode())
        with suppress(ConnectionError):
            await self._writer.drain()

    async def answer(self) -> str:
        """All that comes until it is closed; nothing if it is cut."""
        async with asyncio.timeout(LIMIT):
            try:
                return (await self._reader.read()).decode("latin-1")
            except ConnectionError:
                return ""

    def cut(self) -> None:
        self._writer.transport.abort()


async def connect(play: Scene, stack: AsyncExitStack) -> Raw:
    parts = urlsplit(play.running.base)
    raw = Raw(parts.netloc, *await asyncio.open_connection(parts.hostname, parts.port))
    stack.callback(raw.cut)
    return raw


TRICKS = {
    "1 GB announced": ("POST /mcp HTTP/1.1\r\n%HContent-Length: 1073741824\r\n\r\n", {"413"}),
    "1 GB announced, no key": (
        "POST /api/v1/show HTTP/1.1\r\n%HContent-Length: 1073741824\r\n\r\n",
        {"401"},
    ),
    "two lengths": (
        "POST /mcp HTTP/1.1\r\n%HContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        {"400"},
    ),
    "no chunk": (
        "POST /mcp HTTP/1.1\r\n%HContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        {"400", ""},
    ),
    "10k headers": (
        "GET /healthz HTTP/1.1\r\n%H" + "X: 1\r\n" * 10_000 + "\r\n",
        {"400", "431", ""},
    ),
    "no HTTP": ("\x16\x03\x01\x02" * 100 + "\r\n\r\n", {"400"}),
}
PIPELINED = (
    "GET /healthz HTTP/1.1\r\n%HX-Request-Id: first\r\n\r\n"
    "GET /readyz HTTP/1.1\r\n%HX-Request-Id: second\r\nConnection: close\r\n\r\n"
)


async def test_f71_hostile_bytes_are_refused_within_limits_while_others_are_served(
    scene: SceneMaker,
) -> None:
    """Slow heads get 408, too much 413, nonsense 400, each again and again; an endless body
    gathers nowhere; requests sent together are answered in order; memory stays flat."""
    async with scene({"victim": entry()}) as play, AsyncExitStack() as stack:
        await play.ready()
        before = peak(play.pid)
        slow = [await connect(play, stack) for _ in range(SLOW)]
        for raw in slow:
            await raw.send("GET /healthz HTTP/1.1\r\n%HX: ")
        for name, (text, codes) in TRICKS.items():
            for _ in range(10):
                raw = await connect(play, stack)
                await raw.send(text)
                assert (await raw.answer())[9:12] in codes, name
        raw = await connect(play, stack)
        await raw.send(PIPELINED)
        told = await raw.answer()
        assert told.count("HTTP/1.1 200 OK") == 2
        assert told.index("x-request-id: first") < told.index("x-request-id: second")
        endless = await connect(play, stack)
        await endless.send(
            "POST /mcp HTTP/1.1\r\n%HContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = "100000\r\n" + "x" * MEGABYTE + "\r\n"
        for _ in range(64):
            await endless.send(chunk)
        assert (await endless.answer())[9:12] in {"413", ""}
        for raw in slow:
            assert (await raw.answer())[9:12] == "408"
        assert peak(play.pid) - before < 64 * MEGABYTE
        await play.recovers("victim")
        noted = complaints(play)  # many times the same, told once
        assert len(noted) == 1
        assert "a request was not HTTP and was refused" in noted[0]

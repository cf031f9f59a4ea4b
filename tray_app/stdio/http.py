"""HTTP/1.1 to the engine, over its socket: as much of a client as the bridge needs, and quick.

A connection carries one request at a time and is used again while it is young. Whoever leaves
an answer before its end closes the connection, which is what cancels a request in the stateless
era (MCP 2026-07-28, basic/transports).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httptools

READ_SIZE = 256 * 1024
YOUNG = 20.0  # seconds of idleness; the engine closes an idle connection after 75

Address = Path | tuple[str, int]
"""A unix socket, or host and port."""


class NotSent(Exception):
    """Nobody answers at the address, so the request has not been seen by anyone."""


class Cut(Exception):
    """The connection ended before the answer did; what was asked for may have happened."""


class Answer:
    """One answer: ``status`` and headers at once, the body as it comes."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.status = 0
        self.complete = False
        self.reusable = False
        self._reader = reader
        self._headers: dict[str, str] = {}
        self._head_complete = False
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def header(self, name: str) -> str:
        """The header of that lower-case name, or an empty string."""
        return self._headers.get(name, "")

    async def read_head(self) -> None:
        """Raises Cut."""
        while not self._head_complete:
            await self._read_more()

    async def parts(self) -> AsyncIterator[bytes]:
        """The body, as it arrives. Raises Cut."""
        while True:
            parts, self._parts = self._parts, []
            for part in parts:
                yield part
            if self._parts:
                continue
            if self.complete:
                return
            await self._read_more()

    async def body(self) -> bytes:
        """The whole body. Raises Cut."""
        return b"".join([part async for part in self.parts()])

    async def _read_more(self) -> None:
        try:
            data = await self._reader.read(READ_SIZE)
            if not data:
                raise Cut
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            raise Cut from error

    # --- told by the parser -------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._head_complete = True

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        self.complete = True
        self.reusable = self._parser.should_keep_alive()


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EngineHttp:
    """Asks the engine at one address; ``headers`` go with every request."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        host = "localhost" if isinstance(address, Path) else _host(*address)
        self._headers = {"host": host, **headers}
        self._idle: list[tuple[float, _Line]] = []

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        sent: asyncio.Event | None = None,
    ) -> AsyncIterator[Answer]:
        """The answer, within a ``with``; ``sent`` is set once the request is on its way.

        Raises NotSent; Cut here and while the answer is read.
        """
        line = await self._line()
        reader, writer = line
        answer = Answer(reader)
        try:
            head = "".join(
                f"{name}: {value}\r\n" for name, value in {**self._headers, **headers}.items()
            )
            first = f"{method} {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n"
            writer.write(first.encode("latin-1") + body)
            try:
                await writer.drain()
            except OSError as error:
                raise Cut from error
            if sent is not None:
                sent.set()
            await answer.read_head()
            yield answer
        finally:
            if answer.complete and answer.reusable:
                self._idle.append((asyncio.get_running_loop().time(), line))
            else:
                writer.transport.abort()

    def close(self) -> None:
        """Close the connections nobody uses."""
        for _, (_, writer) in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def _line(self) -> _Line:
        youngest = asyncio.get_running_loop().time() - YOUNG
        while self._idle:
            since, line = self._idle.pop()
            if since > youngest and not line[0].at_eof() and not line[1].is_closing():
                return line
            line[1].transport.abort()
        try:
            if isinstance(self._address, Path):
                return await asyncio.open_unix_connection(str(self._address), limit=READ_SIZE)
            return await asyncio.open_connection(*self._address, limit=READ_SIZE)
        except OSError as error:
            raise NotSent from error


def _host(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

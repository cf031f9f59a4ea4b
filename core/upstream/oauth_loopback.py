"""Where the browser comes back to: one address on this computer, for one answer (RFC 8252, §7.3).

Any program here, and any page in the browser, can ask this port; what is not the answer that is
waited for is refused and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
PATH = "/callback"
READ_LIMIT = 10.0  # seconds a visitor gets to say what it wants
LARGEST_HEAD = 16 * 1024  # bytes
MOST_VISITORS = 16  # at the same time

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>{title}</title>
<body style="font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em">
<h1 style="font-size:1.4em">{title}</h1><p>{text}</p>
"""


class Loopback:
    """Listens inside an ``async with``. ``is_answer`` tells an answer by its query.

    Raises OSError on entering.
    """

    def __init__(self, is_answer: Callable[[str], bool]) -> None:
        loop = asyncio.get_running_loop()
        self.redirect_uri = ""
        self.answer: asyncio.Future[str] = loop.create_future()
        self._is_answer = is_answer
        self._page: asyncio.Future[tuple[str, str]] = loop.create_future()
        self._visitors: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._visited, HOST, 0, limit=LARGEST_HEAD)
        port = self._server.sockets[0].getsockname()[1]
        self.redirect_uri = f"http://{HOST}:{port}{PATH}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        if self._page.done() and self._visitors:  # it is on its way to the browser
            await asyncio.wait(self._visitors, timeout=READ_LIMIT)
        for visitor in self._visitors:
            visitor.cancel()
        if self._visitors:
            await asyncio.wait(self._visitors)
        self._page.cancel()

    def show(self, title: str, text: str) -> None:
        """What the person sees in the browser, now that it is known how it went."""
        if not self._page.done():
            self._page.set_result((title, text))

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitor = asyncio.current_task()
        assert visitor is not None
        self._visitors.add(visitor)
        try:
            if len(self._visitors) <= MOST_VISITORS:
                await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a visitor that says nothing, too much, or goes away
        finally:
            self._visitors.discard(visitor)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(READ_LIMIT):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        query = _query(head, self.redirect_uri)
        if query is None:
            await _reply(writer, 404, "Nothing here", "This is not a page.")
        elif self.answer.done() or not self._is_answer(query):
            await _reply(
                writer,
                400,
                "Not the answer to a sign-in",
                "Nothing was changed. Begin again in MCP Proxy Tray.",
            )
        else:
            self.answer.set_result(query)
            title, text = await self._page
            await _reply(writer, 200, title, text)


def _query(head: str, redirect_uri: str) -> str | None:
    """What the browser brought; None where something else is asked for."""
    first, *lines = head.split("\r\n")
    verb, _, rest = first.partition(" ")
    path, _, query = rest.partition(" ")[0].partition("?")
    hosts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")]
    # Another name for this computer is a page elsewhere that reaches in (DNS rebinding).
    ours = redirect_uri.removeprefix("http://").removesuffix(PATH)
    return query if (verb, path, hosts) == ("GET", PATH, [ours]) else None


async def _reply(writer: asyncio.StreamWriter, status: int, title: str, text: str) -> None:
    body = _PAGE.format(title=escape(title), text=escape(text)).encode()
    head = (
        f"HTTP/1.1 {status} Answered\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
        "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()

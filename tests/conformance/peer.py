"""A stateful client that shows everything that reaches it, and alters nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]
LIMIT = 20.0

CAPABILITIES = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {"listChanged": True},
    "experimental": {"example.com/client": {"kept": True}},
}
Answer = Callable[[Json], Json]


def exactly(text: str | bytes) -> Any:
    """Read JSON without changing a digit: numbers with a fraction stay as they are written."""
    return json.loads(text, parse_float=str)


@dataclass(slots=True)
class Seen:
    """One request's answer, and what came with it; ids are left out, for they are nobody's."""

    answer: Json = field(default_factory=dict)
    told: list[Json] = field(default_factory=list)
    asked: list[Json] = field(default_factory=list)


class Peer:
    """One session. ``answers`` says what it answers to a server's requests, by method."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url
        self._ids = itertools.count(1)
        self._headers = {"accept": "application/json, text/event-stream"}
        self.answers: dict[str, Answer] = {}
        self.hello: Json = {}
        self.heard: asyncio.Queue[Json] = asyncio.Queue()
        """What came on the session's own stream."""

    async def open(self) -> None:
        info = {"name": "peer", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES}
        seen = await self.ask("initialize", {**params, "clientInfo": info})
        self.hello = seen.answer["result"]
        self._headers["mcp-protocol-version"] = self.hello["protocolVersion"]
        await self.tell("notifications/initialized")

    async def listen(self) -> None:
        """Read the session's own stream for as long as it lasts."""
        async with self._http.stream("GET", self._url, headers=self._headers) as stream:
            assert stream.status_code == 200, await stream.aread()
            self.heard.put_nowait({"method": "the stream is open"})
            async for message in _events(stream):
                if "method" in message and "id" in message:
                    await self._answer(message)
                elif "method" in message:
                    self.heard.put_nowait(message)

    async def hear(self, method: str) -> Json:
        """The next message of that method on the session's own stream; others are skipped."""
        async with asyncio.timeout(LIMIT):
            while (message := await self.heard.get())["method"] != method:
                pass
        return _bare(message)

    async def tell(self, method: str, params: Json | None = None) -> None:
        answer = await self._post({"jsonrpc": "2.0", "method": method, "params": params or {}})
        assert answer.status_code == 202, answer.text

    async def ask(
        self,
        method: str,
        params: Json | None = None,
        on_told: Callable[[int], AsyncIterator[None]] | None = None,
    ) -> Seen:
        """Ask, answer what is asked back, and give all that came.

        ``on_told`` runs once, with the request's id, when the first notification has come.
        """
        request_id = next(self._ids)
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}
        seen = Seen()
        headers = {**self._headers, "content-type": "application/json"}
        body = json.dumps(request).encode()
        async with (
            asyncio.timeout(LIMIT),
            self._http.stream("POST", self._url, content=body, headers=headers) as stream,
        ):
            if "mcp-session-id" in stream.headers:
                self._headers["mcp-session-id"] = stream.headers["mcp-session-id"]
            async for message in _events(stream):
                if "method" not in message:
                    seen.answer = _bare(message)
                    break
                if "id" in message:
                    seen.asked.append(_bare(message))
                    await self._answer(message)
                    continue
                seen.told.append(_bare(message))
                if on_told is not None and len(seen.told) == 1:
                    async for _ in on_told(request_id):
                        pass
        return seen

    async def _answer(self, request: Json) -> None:
        reply = self.answers[request["method"]](request.get("params", {}))
        await self._post({"jsonrpc": "2.0", "id": request["id"], **reply})

    async def _post(self, message: Json) -> httpx.Response:
        headers = {**self._headers, "content-type": "application/json"}
        return await self._http.post(self._url, content=json.dumps(message), headers=headers)


def _bare(message: Json) -> Json:
    return {name: value for name, value in message.items() if name not in {"jsonrpc", "id"}}


async def _events(stream: httpx.Response) -> AsyncIterator[Json]:
    if stream.headers["content-type"].startswith("application/json"):
        yield exactly(await stream.aread())
        return
    async for line in stream.aiter_lines():
        if line.startswith("data: ") and line != "data: ":
            yield exactly(line.removeprefix("data: "))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Peer]:
    """A session with its own stream open."""
    limits = httpx.Timeout(LIMIT, read=None)
    async with httpx.AsyncClient(trust_env=False, timeout=limits) as http:
        peer = Peer(http, url)
        await peer.open()
        listening = asyncio.create_task(peer.listen())
        try:
            await peer.hear("the stream is open")
            yield peer
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

"""The session that the engine keeps for a client of the stateful era, made anew when it is lost.

What the client set up by requests of its own (the hand-shake, the log level, subscriptions) is
remembered, so that an engine that was restarted knows it again without the client's doing.
"""

from __future__ import annotations

import asyncio

from tray_app.stdio.http import Answer, EngineHttp
from tray_app.stdio.messages import (
    NULL,
    Message,
    error_in,
    events,
    is_answer_to,
    list_changed,
    negotiated,
    result_of,
)

INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
JSON_HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
}


class Refused(Exception):
    """The engine did not open a session; ``answer`` is its JSON-RPC answer."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


async def answer_in(answer: Answer, request_id: bytes) -> bytes:
    """The message that answers a request of ours, whichever way it comes. Raises Cut."""
    if not answer.header("content-type").startswith("text/event-stream"):
        return await answer.body()
    answered = b""
    async for data in events(answer.parts()):
        if is_answer_to(data, request_id):
            answered = data
    return answered


class Session:
    """Opens, renews and ends the session at ``path``; knows what to send with each request."""

    def __init__(self, engine: EngineHttp, path: str) -> None:
        self.path = path
        self.generation = 0  # +1 each time a session is opened
        self.promised: list[str] = []  # lists of whose changes the engine will tell
        self._engine = engine
        self._headers: dict[str, str] = {}
        self._hello: Message | None = None
        self._renewing = asyncio.Lock()
        self._set_up: dict[bytes, bytes] = {}  # requests to repeat, by what they set

    @property
    def headers(self) -> dict[str, str]:
        """What belongs to every request of the session; nothing before it is opened."""
        return self._headers

    @property
    def is_open(self) -> bool:
        return self._hello is not None

    async def open(self, hello: Message) -> bytes:
        """Send the client's ``initialize``; the answer. Raises NotSent, Cut, Refused."""
        async with self._engine.ask("POST", self.path, JSON_HEADERS, hello.raw) as answer:
            answered = await answer_in(answer, hello.id)
            session_id = answer.header("mcp-session-id")
        if not is_answer_to(answered, hello.id):
            raise Refused(error_in(answered, hello.id))
        result = result_of(answered)
        if not result:
            raise Refused(answered)
        version, self.promised = negotiated(result)
        self._headers = {"mcp-protocol-version": version}
        if session_id:
            self._headers["mcp-session-id"] = session_id
        if self._hello is not hello:
            self._hello = hello
            self._set_up.clear()
        self.generation += 1
        return answered

    async def renew(self, lost: int) -> list[bytes]:
        """A new session in place of the lost generation; what to tell the client of it.

        Raises NotSent, Cut, Refused.
        """
        async with self._renewing:
            if self._hello is None or self.generation != lost:
                return []
            await self.open(self._hello)
            for body in (INITIALIZED, *self._set_up.values()):
                async with self._engine.ask(
                    "POST", self.path, {**JSON_HEADERS, **self._headers}, body
                ) as answer:
                    await answer.body()
        return [list_changed(kind) for kind in self.promised]

    async def end(self) -> None:
        """Tell the engine that the client is gone. Raises NotSent, Cut."""
        if "mcp-session-id" in self._headers:
            async with self._engine.ask("DELETE", self.path, self._headers) as answer:
                await answer.body()

    def remember(self, message: Message) -> None:
        """Note a request that sets something up for the whole session."""
        match message.method:
            case "logging/setLevel":
                self._set_up[NULL] = message.raw
            case "resources/subscribe":
                self._set_up[message.uri] = message.raw
            case "resources/unsubscribe":
                self._set_up.pop(message.uri, None)

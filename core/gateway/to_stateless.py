"""A request of a client with a session on its way through a server of the stateless era.

Such a server asks by way of its result (MCP 2026-07-28, basic/patterns/mrtr): the questions
become requests to the client, and the request is sent again with the answers.
"""

from __future__ import annotations

import asyncio
import secrets
from functools import partial

import msgspec

from core.gateway.clients import Client
from core.gateway.surface import Ended, Running
from core.protocol import envelope
from core.protocol.calls import Ask, Call, Cancelled, Reply, Session, TooBusy
from core.protocol.codes import LATEST_STATELESS, Code
from core.protocol.meta import Terms, members_of, with_terms
from core.protocol.results import Asked, error_of, questions, recoded, result_type

ROUNDS_MOST = 16
PACE = 0.2  # seconds before a request is sent again to a server that wants time, not answers


def terms_for(client: Client) -> Terms:
    """What a client with a session would say of itself in every request."""
    return Terms(LATEST_STATELESS, client.declared, client.info, client.log_level)


class ToStateless(Running):
    """``call`` is the round that runs now."""

    __slots__ = (
        "_answers",
        "_client",
        "_failed",
        "_method",
        "_params",
        "_rounds",
        "_state",
        "_turn",
    )

    def __init__(
        self,
        session: Session,
        call: Call,
        server: str,
        asked: str,
        ended: Ended,
        sent_at: float,
        client: Client,
        method: str,
        params: bytes,
    ) -> None:
        super().__init__(session, call, server, asked, ended, sent_at)
        self._client = client
        self._method = method
        self._params = params
        self._rounds = 1
        self._state: str | None = None
        self._answers: dict[str, msgspec.Raw | None] = {}  # by the server's key; None: not yet
        self._failed: Reply | None = None  # what the client said instead of an answer
        self._turn: asyncio.Future[None] | None = None  # done when every answer is there

    def arrived(self) -> Reply | None:
        reply = super().arrived()
        if reply is None or reply.result is None:
            return None
        return None if result_type(reply.result) == "input_required" else reply

    async def arrival(self) -> Reply | None:
        while True:
            if self._turn is not None:
                refused = await self._again(self._turn)
                if refused is not None:
                    return refused
            reply = await self.call.arrival()
            if reply is None:
                return None
            if reply.result is None or result_type(reply.result) != "input_required":
                return self._translated(reply)
            why = self._ask(reply.result)
            if why:
                error = envelope.error_object(Code.INTERNAL_ERROR, f"{self.what} {why}")
                return Reply(error=error)
            if self.call.asks:
                return None

    def cancel(self, reason: str) -> None:
        super().cancel(reason)
        if self._turn is not None and not self._turn.done():
            self._turn.set_exception(Cancelled())

    def _ask(self, result: bytes | memoryview) -> str:
        """Put the questions of a result to the client; returns why that is impossible."""
        try:
            asked, self._state = questions(result)
        except msgspec.DecodeError as error:
            return f"asked in a way that MCP does not allow: {error}."
        self._rounds += 1
        if self._rounds > ROUNDS_MOST:
            return f"asked {ROUNDS_MOST} times and did not come to an end."
        loop = asyncio.get_running_loop()
        self._turn = loop.create_future()
        self._answers = dict.fromkeys(asked)
        for key, each in asked.items():
            self.call.asks.append(
                Ask(each.method, _with_elicitation_id(each), partial(self._answered, key))
            )
        if not asked:
            loop.call_later(PACE, _set, self._turn)
        return ""

    def _answered(self, key: str, reply: Reply) -> None:
        if reply.result is None:
            self._failed = reply
        else:
            self._answers[key] = msgspec.Raw(bytes(reply.result))
        if self._failed is not None or None not in self._answers.values():
            _set(self._turn)

    async def _again(self, turn: asyncio.Future[None]) -> Reply | None:
        """Send the request once more when every question is answered."""
        await asyncio.shield(turn)
        self._turn = None
        if self._failed is not None:
            return self._failed
        more: dict[str, object] = {}
        if self._answers:
            more["inputResponses"] = self._answers
        if self._state is not None:
            more["requestState"] = self._state
        params = with_terms(self._params, terms_for(self._client), more)
        try:
            self.call = self.session.start(self._method, params, self._client.id)
        except TooBusy as busy:
            why = f"The server {self.server!r} is too busy: {busy}."
            return Reply(error=envelope.error_object(Code.TOO_BUSY, why))
        return None

    def _translated(self, reply: Reply) -> Reply:
        """A missing resource had a code of its own up to 2025-11-25."""
        if reply.error is None or self._method != "resources/read":
            return reply
        error = error_of(reply.error)
        if (
            error is None
            or error.code != Code.INVALID_PARAMS
            or "uri" not in members_of(error.data)
        ):
            return reply
        return Reply(error=recoded(reply.error, Code.RESOURCE_NOT_FOUND))


def _with_elicitation_id(asked: Asked) -> bytes:
    """Up to 2025-11-25 a URL to visit has an id, by which its end would be told."""
    params = members_of(asked.params)
    if asked.method != "elicitation/create" or bytes(params.get("mode", b"")) != b'"url"':
        return bytes(asked.params)
    return msgspec.json.encode({"elicitationId": secrets.token_urlsafe(12), **params})


def _set(turn: asyncio.Future[None] | None) -> None:
    if turn is not None and not turn.done():
        turn.set_result(None)

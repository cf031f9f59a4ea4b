"""A stateless client's request on its way through a server that has a session.

What such a server asks becomes the questions of an ``input_required`` result (MCP 2026-07-28,
basic/patterns/mrtr); what it answers gets what the client's era demands.
"""

from __future__ import annotations

import msgspec

from core.gateway.asking import lacking, refuse
from core.gateway.clients import Client
from core.gateway.surface import Ended, Running
from core.protocol import envelope
from core.protocol.calls import Ask, Call, Reply, Session
from core.protocol.codes import Code
from core.protocol.meta import Object, members_of
from core.protocol.results import Asked, completed, error_of, recoded

PROGRESS = "notifications/progress"


class _Elicitations(msgspec.Struct):
    elicitations: list[msgspec.Raw] = []


class ToStateful(Running):
    """When ``questions`` are set after an arrival, the client has to be asked them."""

    __slots__ = ("_asks", "_method", "_missing", "_token", "anew", "client", "questions")

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
    ) -> None:
        super().__init__(session, call, server, asked, ended, sent_at)
        self.client = client
        self.questions: dict[str, Asked] = {}
        self.anew = False  # whether the request is to be made again with the answers
        self._asks: dict[str, Ask] = {}
        self._method = method
        self._missing: dict[str, object] = {}  # capabilities the client would have needed
        self._token = b""  # of the request that came back, if it is another than at first

    def arrived(self) -> Reply | None:
        reply = super().arrived()
        return None if reply is None or reply.result is None else self._translated(reply)

    async def arrival(self) -> Reply | None:
        while True:
            reply = await self.call.arrival()
            if reply is not None:
                return self._translated(reply)
            if self.call.events:
                return None
            self._collect()
            if self.questions:
                return None

    def events(self) -> list[tuple[str, bytes]]:
        return [(method, self._retold(method, params)) for method, params in super().events()]

    def asks(self) -> list[Ask]:
        return []  # they are in ``questions``

    def resume(self, client: Client, params: bytes) -> None:
        """Go on with the answers that a request brought back."""
        members = members_of(params)
        self._token = bytes(members_of(members.get("_meta", b"")).get("progressToken", b""))
        self.client = client
        answers = members_of(members.get("inputResponses", b""))
        for key, ask in self._asks.items():
            if key in answers:
                ask.answer(Reply(result=answers[key]))
            else:
                refuse(ask, "the client came back without an answer", Code.INTERNAL_ERROR)
        self._asks, self.questions = {}, {}

    def refuse_questions(self, why: str) -> None:
        """Answer what was asked for a client that cannot be asked now."""
        for ask in self._asks.values():
            refuse(ask, why, Code.TOO_BUSY)
        self._asks, self.questions = {}, {}

    def cancel(self, reason: str) -> None:
        for ask in self._asks.values():
            refuse(ask, "the client does not want the answer any more", Code.INTERNAL_ERROR)
        self._asks = {}
        super().cancel(reason)

    def _collect(self) -> None:
        capabilities = self.client.capabilities
        for ask in super().asks():
            missing = lacking(capabilities, ask.method, ask.params)
            if missing:
                name, _, part = missing.partition(".")
                self._missing[name] = {part: {}} if part else {}
                refuse(ask, f"the client did not declare the capability {missing}")
            else:
                key = f"{len(self._asks) + 1}"
                self._asks[key] = ask
                self.questions[key] = Asked(ask.method, msgspec.Raw(ask.params or b"{}"))

    def _translated(self, reply: Reply) -> Reply:
        if reply.result is not None:
            return Reply(result=completed(reply.result, self._method))
        error = error_of(reply.error or b"")
        if error is None or reply.error is None:
            return reply
        if error.code == Code.METHOD_NOT_FOUND and self._missing:
            # What we told the server comes back: it could not do without.
            needed = {"requiredCapabilities": self._missing}
            text = error.message
            return Reply(error=envelope.error_object(Code.MISSING_CAPABILITY, text, needed))
        if error.code == Code.RESOURCE_NOT_FOUND:
            return Reply(error=recoded(reply.error, Code.INVALID_PARAMS))
        if error.code == Code.URL_ELICITATION_REQUIRED:
            return self._visits(error.message, error.data) or reply
        return reply

    def _visits(self, message: str, data: msgspec.Raw) -> Reply | None:
        """A person has to open URLs, after which the request is made again."""
        try:
            wanted = msgspec.json.decode(data or b"{}", type=_Elicitations).elicitations
        except msgspec.DecodeError:
            return None
        missing = _lacking_url(self.client.capabilities)
        if missing:
            needed: object = {"requiredCapabilities": {"elicitation": {"url": {}}}}
            return Reply(error=envelope.error_object(Code.MISSING_CAPABILITY, message, needed))
        self.questions = {
            f"{number}": Asked("elicitation/create", each)
            for number, each in enumerate(wanted, start=1)
        }
        self.anew = bool(self.questions)
        return Reply(error=envelope.error_object(Code.INTERNAL_ERROR, message))

    def _retold(self, method: str, params: bytes) -> bytes:
        if method != PROGRESS or not self._token:
            return params
        members = members_of(params)
        members["progressToken"] = msgspec.Raw(self._token)
        return msgspec.json.encode(members)


def _lacking_url(capabilities: Object) -> str:
    return lacking(capabilities, "elicitation/create", b'{"mode":"url"}')

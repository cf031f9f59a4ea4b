"""Clients of the stateless era: every POST says for itself who asks, in which version and what.

MCP 2026-07-28, basic and basic/transports. Closing the response stream cancels the request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable

import msgspec

from core.asgi import Receive, Scope, Send, Turn, while_connected
from core.gateway.answering import Direct
from core.gateway.clients import Client, Clients, visitor
from core.gateway.listening import honoured, listen, wanted
from core.gateway.parked import PREFIX, Intent, Parked
from core.gateway.record import Record, Watched
from core.gateway.refusal import Refusal
from core.gateway.replies import NO_ID, BadRequest, Delivery, failure, read_id, send_whole
from core.gateway.surface import Running, Surface
from core.gateway.to_stateful import ToStateful
from core.protocol import envelope, headers
from core.protocol.calls import CallTimeout, Cancelled, ConnectionLost, Hello, Reply
from core.protocol.codes import STATELESS_VERSIONS, Code
from core.protocol.envelope import Envelope, Kind
from core.protocol.meta import SERVER_INFO, Terms, WrongMeta, members_of, terms_of
from core.protocol.results import completed, error_of, input_required

REMOVED = frozenset(
    {
        *("initialize", "ping", "logging/setLevel", "resources/subscribe"),
        *("resources/unsubscribe", "notifications/initialized"),
    }
)
"""Methods of the era with sessions that this one does not have."""

STATUS = {
    Code.PARSE_ERROR: 400,
    Code.INVALID_REQUEST: 400,
    Code.INVALID_PARAMS: 400,
    Code.HEADER_MISMATCH: 400,
    Code.MISSING_CAPABILITY: 400,
    Code.UNSUPPORTED_VERSION: 400,
    Code.METHOD_NOT_FOUND: 404,
}
"""HTTP status by error code; 200 for all others."""

_KEYS = frozenset({b"x-api-key", b"authorization"})


class Stateless:
    """Answers their requests; ``parked`` are those that wait for a person."""

    def __init__(self, clients: Clients, record: Record) -> None:
        self._clients = clients
        self._record = record
        self.parked: Parked[ToStateful] = Parked()

    def at_once(self, surface: Surface, turn: Turn, request_id: bytes, params: bytes) -> bool:
        """Take a tool call that can be sent on without waiting, if nothing is wrong with it."""
        scope, method = turn.scope, "tools/call"
        if b'"requestState"' in params:
            return False
        try:
            client = visitor(surface.key, _terms(scope, request_id, method, params))
            _check_arguments(surface, scope, params)
        except (BadRequest, Refusal):
            return False
        watched = self._record.arrived(method)
        try:
            begun = surface.at_once(client, params)
        except Refusal as refusal:
            watched.refused(refusal.code)
            told = envelope.error(request_id, refusal.error_object())
            status = STATUS.get(refusal.code, 200)
            turn.spawn(lambda _, send: Delivery(send).end(told, status))
            return True
        if begun is None:
            return False
        if isinstance(begun, bytes):
            watched.answered(begun)
            turn.answer(envelope.result(request_id, completed(begun, method)))
            return True
        running = begun

        def wait(receive: Receive, send: Send) -> Awaitable[None]:
            intent = Intent(_principal(scope), surface.key, method, params)
            delivery = Delivery(send)
            work = self._answer(running, client, request_id, intent, delivery, watched)
            return while_connected(receive, work)

        watched.sent(running.sent_at)
        turn.when_gone(lambda: running.cancel("The client closed the response stream."))
        Direct(request_id, running, turn, watched, wait, _nothing_more)
        return True

    async def post(
        self,
        surface: Surface,
        scope: Scope,
        message: Envelope,
        kind: Kind,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one POST. Raises BadRequest, ClientGone."""
        if kind is Kind.NOTIFICATION:
            _check_version(_version_header(scope), NO_ID)
            await send_whole(send, 202, b"")  # none is defined here that could mean anything
            return
        if kind is not Kind.REQUEST:
            why = "In this protocol version a client answers with inputResponses."
            raise BadRequest(400, Code.INVALID_REQUEST, why)
        request_id = read_id(message)
        method, params = str(message.method), bytes(message.params)
        terms = _terms(scope, request_id, method, params)
        watched = self._record.arrived(method)
        if method in REMOVED:
            watched.refused(Code.METHOD_NOT_FOUND)
            why = f"{method} is not part of protocol version {terms.version}."
            raise BadRequest(404, Code.METHOD_NOT_FOUND, why, request_id)
        try:
            if method == "subscriptions/listen":
                await self._listen(surface, terms, request_id, params, receive, send, watched)
            else:
                if method == "tools/call":
                    _check_arguments(surface, scope, params)
                client = visitor(surface.key, terms)
                intent = Intent(_principal(scope), surface.key, method, params)
                work = self._serve(surface, client, request_id, intent, Delivery(send), watched)
                await while_connected(receive, work)
        except Refusal as refusal:
            watched.refused(refusal.code)
            told = envelope.error(request_id, refusal.error_object())
            await Delivery(send).end(told, STATUS.get(refusal.code, 200))

    async def _listen(
        self,
        surface: Surface,
        terms: Terms,
        request_id: bytes,
        params: bytes,
        receive: Receive,
        send: Send,
        watched: Watched,
    ) -> None:
        try:
            asked = wanted(params)
        except msgspec.DecodeError as error:
            raise Refusal(Code.INVALID_PARAMS, f"subscriptions/listen: {error}") from None
        heard = honoured(asked, await surface.introduce())
        watched.answered(b"")
        await listen(self._clients, surface, terms, request_id, heard, receive, send)

    async def _serve(
        self,
        surface: Surface,
        client: Client,
        request_id: bytes,
        intent: Intent,
        delivery: Delivery,
        watched: Watched,
    ) -> None:
        if intent.method == "server/discover":
            found = discovery(await surface.introduce())
            watched.answered(found)
            await delivery.end(envelope.result(request_id, found))
            return
        begun: bytes | Running | None = self._came_back(client, intent)
        if begun is None:
            begun = await surface.begin(client, intent.method, intent.params)
        if isinstance(begun, bytes):
            watched.answered(begun)
            result = completed(begun, intent.method)
            await delivery.end(envelope.result(request_id, result))
            return
        watched.sent(begun.sent_at)
        await self._answer(begun, client, request_id, intent, delivery, watched)

    async def _answer(
        self,
        begun: Running,
        client: Client,
        request_id: bytes,
        intent: Intent,
        delivery: Delivery,
        watched: Watched,
    ) -> None:
        reply = await self._reply(begun, client, intent, delivery, watched)
        if reply.result is not None:
            await delivery.end(envelope.result(request_id, reply.result))
        else:
            await delivery.end(envelope.error(request_id, reply.error or b"{}"), _status(reply))
        watched.handed_on(begun.call)

    def _came_back(self, client: Client, intent: Intent) -> ToStateful | None:
        """The call that was waiting for this request. Raises Refusal."""
        if b'"requestState"' not in intent.params:
            return None
        members = members_of(intent.params)
        try:
            state = msgspec.json.decode(members.get("requestState", b'""'), type=str)
        except msgspec.DecodeError:
            raise Refusal(Code.INVALID_PARAMS, "requestState must be a string.") from None
        if not state.startswith(PREFIX):
            return None  # a server's own
        call = self.parked.take(state, intent)
        if call is not None:
            call.resume(client, intent.params)
        return call

    async def _reply(
        self,
        running: Running,
        client: Client,
        intent: Intent,
        delivery: Delivery,
        watched: Watched,
    ) -> Reply:
        """The answer to the request: the server's, its questions, or why there is none."""
        parked = False
        try:
            while (reply := await running.arrival()) is None:
                await delivery.before(
                    [
                        envelope.notification(method, params)
                        for method, params in running.events()
                        if client.hears(method, params)
                    ]
                )
                if isinstance(running, ToStateful) and running.questions:
                    if self.parked.full:
                        running.refuse_questions("too many calls wait for a person already")
                        continue
                    parked = True
                    state = self.parked.put(running, intent)
                    return Reply(result=input_required(running.questions, state))
            if isinstance(running, ToStateful) and running.anew:
                state = self.parked.anew(intent)
                return Reply(result=input_required(running.questions, state))
            return reply if running.shape is None else await running.shape(reply)
        except (ConnectionLost, CallTimeout) as why:
            return Reply(error=failure(running, why))
        except Cancelled:
            why_not = "The request was cancelled."
            return Reply(error=envelope.error_object(Code.INTERNAL_ERROR, why_not))
        finally:
            if parked:
                watched.answered(b"")
            else:
                if not running.call.done:  # the client is gone
                    running.cancel("The client closed the response stream.")
                watched.ended(running.ended(running.call))


def _nothing_more() -> None:
    """A client without a session is forgotten with its request."""


def discovery(hello: Hello) -> bytes:
    """The result of ``server/discover`` (MCP 2026-07-28, server/discover)."""
    capabilities = members_of(hello.capabilities)
    capabilities.pop("tasks", None)  # 2025-11-25's; here they are an extension, with other methods
    rest = members_of(hello.rest)
    meta = members_of(rest.pop("_meta", b""))
    members: dict[str, object] = {
        **rest,
        "supportedVersions": STATELESS_VERSIONS,
        "capabilities": capabilities,
        "_meta": {**meta, SERVER_INFO: msgspec.Raw(hello.server_info)},
    }
    if hello.instructions:
        members["instructions"] = msgspec.Raw(hello.instructions)
    return completed(msgspec.json.encode(members), "server/discover")


def _terms(scope: Scope, request_id: bytes, method: str, params: bytes) -> Terms:
    """What the request says of itself, with headers that agree. Raises BadRequest."""
    try:
        terms = terms_of(params)
        headers.check(scope["headers"], method, params, terms.version)
    except WrongMeta as wrong:
        raise BadRequest(400, Code.INVALID_PARAMS, f"{wrong}.", request_id) from None
    except headers.Mismatch as mismatch:
        why = f"Headers and body disagree: {mismatch}."
        raise BadRequest(400, Code.HEADER_MISMATCH, why, request_id) from None
    _check_version(terms.version, request_id)
    return terms


def _check_version(version: str, request_id: bytes) -> None:
    if version not in STATELESS_VERSIONS:
        known = {"supported": STATELESS_VERSIONS, "requested": version}
        why = "This protocol version is not spoken here."
        raise BadRequest(400, Code.UNSUPPORTED_VERSION, why, request_id, known)


def _version_header(scope: Scope) -> str:
    fields = [value for name, value in scope["headers"] if name == b"mcp-protocol-version"]
    return (headers.decoded(fields[0]) or "") if fields else ""


def _check_arguments(surface: Surface, scope: Scope, params: bytes) -> None:
    """Raises Refusal when headers repeat arguments wrongly."""
    members = members_of(params)
    try:
        tool = msgspec.json.decode(members.get("name", b'""'), type=str)
        schema = surface.input_schema(tool)
        if schema is not None:
            arguments = msgspec.json.decode(members.get("arguments", b"{}"))
            headers.check_arguments(scope["headers"], schema, arguments)
    except msgspec.DecodeError:
        return  # the server will say what it thinks of it
    except headers.Mismatch as mismatch:
        why = f"Headers and body disagree: {mismatch}."
        raise Refusal(Code.HEADER_MISMATCH, why) from None


def _principal(scope: Scope) -> bytes:
    """Whose key it was, so that a state given to one is of no use to another."""
    keys = [b"%b:%b" % field for field in scope["headers"] if field[0] in _KEYS]
    return hashlib.sha256(b"\n".join(sorted(keys))).digest()


def _status(reply: Reply) -> int:
    error = error_of(reply.error or b"{}")
    if error is None or error.code not in STATUS:
        return 200
    return STATUS[Code(error.code)]

"""The endpoint itself: streamable HTTP as plain ASGI, with clients of both eras.

MCP 2025-11-25, basic/transports#streamable-http. A client with a session that goes away has not
cancelled anything; only ``notifications/cancelled`` does. Streams cannot be resumed: their
events carry no ids, so no client will try.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.asgi import (
    BodyTooLarge,
    ClientGone,
    Receive,
    Scope,
    Send,
    Turn,
    read_body,
    while_connected,
)
from core.gateway import asking, batch
from core.gateway.answering import answer, answer_at_once
from core.gateway.clients import Client, Clients
from core.gateway.record import Record, Watched
from core.gateway.refusal import Refusal
from core.gateway.replies import (
    JSON,
    NO_ID,
    BadRequest,
    read,
    read_id,
    send_whole,
)
from core.gateway.sse import HEARTBEAT, HEARTBEAT_COMMENT, SSE, event
from core.gateway.stateless import Stateless
from core.gateway.surface import Surface
from core.protocol import envelope
from core.protocol.calls import Hello, Reply
from core.protocol.codes import LATEST_STATEFUL, STATEFUL_VERSIONS, Code, negotiated
from core.protocol.envelope import Envelope, Kind, Malformed
from core.protocol.meta import members_of, mentions_version

BODY_LIMIT = 16 * 1024 * 1024  # bytes

_VERSIONS = frozenset(version.encode() for version in STATEFUL_VERSIONS)


class _Initialize(msgspec.Struct, rename="camel"):
    protocol_version: str = LATEST_STATEFUL
    capabilities: dict[str, msgspec.Raw] = {}
    client_info: dict[str, msgspec.Raw] = {}


class _Cancelled(msgspec.Struct, rename="camel"):
    request_id: msgspec.Raw
    reason: str = ""


class Gateway:
    """An ASGI app; ``resolve`` gives the surface of a path, or None."""

    def __init__(
        self,
        clients: Clients,
        resolve: Callable[[str], Surface | None],
        record: Record,
        stateless: Stateless,
    ) -> None:
        self._clients = clients
        self._resolve = resolve
        self._record = record
        self._stateless = stateless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        surface = self._resolve(scope["path"])
        try:
            if surface is None:
                raise BadRequest(
                    404, Code.INVALID_REQUEST, f"There is no MCP endpoint at {scope['path']}."
                )
            match scope["method"]:
                case "POST":
                    await self._post(surface, scope, receive, send)
                case "GET":
                    await self._get(surface, scope, receive, send)
                case "DELETE":
                    await self._delete(surface, scope, send)
                case method:
                    raise _not_allowed(method, b"POST, GET, DELETE")
        except BadRequest as bad:
            await send_whole(send, bad.status, bad.body, JSON, *bad.headers)
        except BodyTooLarge:
            text = f"The body is larger than {BODY_LIMIT} bytes."
            told = envelope.error(NO_ID, envelope.error_object(Code.INVALID_REQUEST, text))
            await send_whole(send, 413, told, JSON, (b"connection", b"close"))
        except ClientGone:
            return

    def at_once(self, turn: Turn) -> bool:
        """Take a tool call that can be sent on without waiting.

        Everything else, and everything that is wrong, is left for ``__call__``.
        """
        scope = turn.scope
        surface = self._resolve(scope["path"]) if scope["method"] == "POST" else None
        if surface is None:
            return False
        session_id, version = _session_headers(scope)
        try:
            message = envelope.decode(turn.body)
        except Malformed:
            return False
        request_id = bytes(message.id)
        if message.method != "tools/call" or not envelope.is_request_id(request_id):
            return False
        if version and version not in _VERSIONS:
            return self._stateless.at_once(surface, turn, request_id, bytes(message.params))
        client = self._clients.find(session_id.decode("latin-1"), surface.key)
        if client is None or request_id in client.calls:
            return False
        watched = self._record.arrived("tools/call")
        try:
            begun = surface.at_once(client, bytes(message.params))
        except Refusal as refusal:
            watched.refused(refusal.code)
            turn.answer(envelope.error(request_id, refusal.error_object()))
            return True
        if begun is None:
            return False
        if isinstance(begun, bytes):
            watched.answered(begun)
            turn.answer(envelope.result(request_id, begun))
        else:
            watched.sent(begun.sent_at)
            answer_at_once(client, request_id, begun, turn, watched)
        return True

    # --- POST ---------------------------------------------------------------------------------

    async def _post(self, surface: Surface, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, BODY_LIMIT)
        session_id, version = _session_headers(scope)
        if body.startswith(b"["):
            await self._batch(surface, session_id, body, receive, send)
            return
        message, kind = read(body)
        if version and version not in _VERSIONS:
            await self._stateless.post(surface, scope, message, kind, receive, send)
            return
        if kind is not Kind.REQUEST:
            client = self._client(surface, session_id)
            _take(surface, client, message, kind)
            await send_whole(send, 202, b"")
            return
        request_id = read_id(message)
        method, params = str(message.method), bytes(message.params)
        if method == "initialize":
            watched = self._record.arrived(method)
            await self._initialize(surface, request_id, params, send, watched)
            return
        if not session_id and mentions_version(params):
            await self._stateless.post(surface, scope, message, kind, receive, send)
            return
        watched = self._record.arrived(method)
        client = self._client(surface, session_id, request_id)
        await self._request(surface, client, request_id, method, params, receive, send, watched)

    async def _request(
        self,
        surface: Surface,
        client: Client,
        request_id: bytes,
        method: str,
        params: bytes,
        receive: Receive,
        send: Send,
        watched: Watched,
    ) -> None:
        if request_id in client.calls:
            raise BadRequest(
                400,
                Code.INVALID_REQUEST,
                "Another request with this id is still being answered.",
                request_id,
            )
        if method == "ping":
            watched.answered(b"")
            await send_whole(send, 200, envelope.result(request_id, b"{}"), JSON)
            return
        try:
            begun = await surface.begin(client, method, params)
        except Refusal as refusal:
            watched.refused(refusal.code)
            told = envelope.error(request_id, refusal.error_object())
            await send_whole(send, 200, told, JSON)
            return
        if isinstance(begun, bytes):
            watched.answered(begun)
            await send_whole(send, 200, envelope.result(request_id, begun), JSON)
        else:
            watched.sent(begun.sent_at)
            await answer(client, request_id, begun, receive, send, watched)

    async def _batch(
        self, surface: Surface, session_id: bytes, body: bytes, receive: Receive, send: Send
    ) -> None:
        client = self._client(surface, session_id)
        if client.protocol_version != batch.VERSION:
            read(body)  # says what is wrong with it

        async def one(part: msgspec.Raw, keep: Send) -> None:
            try:
                message, kind = read(bytes(part))
                if kind is not Kind.REQUEST:
                    _take(surface, client, message, kind)
                    return
                request_id, method = read_id(message), str(message.method)
                watched = self._record.arrived(method)
                params = bytes(message.params)
                await self._request(
                    surface, client, request_id, method, params, receive, keep, watched
                )
            except BadRequest as bad:
                await keep({"type": "http.response.body", "body": bad.body})

        await batch.answer(client, batch.split(body), one, send)

    async def _initialize(
        self,
        surface: Surface,
        request_id: bytes,
        params: bytes,
        send: Send,
        watched: Watched,
    ) -> None:
        try:
            wanted = msgspec.json.decode(params or b"{}", type=_Initialize)
            hello = await surface.introduce()
        except msgspec.DecodeError as error:
            raise BadRequest(400, Code.INVALID_PARAMS, f"initialize: {error}", request_id) from None
        except Refusal as refusal:
            watched.refused(refusal.code)
            told = envelope.error(request_id, refusal.error_object())
            await send_whole(send, 200, told, JSON)
            return
        version = negotiated(wanted.protocol_version, hello.protocol_version)
        result = introduction(version, hello)
        watched.answered(result)
        client = self._clients.open(
            surface.key,
            version,
            declared=msgspec.json.encode(wanted.capabilities),
            info=msgspec.json.encode(wanted.client_info) if wanted.client_info else b"",
        )
        session_header = (b"mcp-session-id", client.id.encode())
        await send_whole(send, 200, envelope.result(request_id, result), JSON, session_header)

    def _client(self, surface: Surface, session_id: bytes, request_id: bytes = NO_ID) -> Client:
        if not session_id:
            raise BadRequest(
                400,
                Code.INVALID_REQUEST,
                "Mcp-Session-Id is missing. Start with initialize.",
                request_id,
            )
        client = self._clients.find(session_id.decode("latin-1"), surface.key)
        if client is None:
            raise BadRequest(
                404,
                Code.INVALID_REQUEST,
                "This session has ended or never was. Start with initialize.",
                request_id,
            )
        return client

    # --- GET and DELETE -----------------------------------------------------------------------

    async def _get(self, surface: Surface, scope: Scope, receive: Receive, send: Send) -> None:
        client = self._client(surface, _of_a_session("GET", scope))
        await send({"type": "http.response.start", "status": 200, "headers": SSE})
        client.streams += 1
        try:
            await while_connected(receive, _stream(client, send))
        finally:
            client.streams -= 1

    async def _delete(self, surface: Surface, scope: Scope, send: Send) -> None:
        client = self._client(surface, _of_a_session("DELETE", scope))
        self._clients.close(client)
        for cancel in tuple(client.calls.values()):
            cancel("The client ended its session.")
        await send_whole(send, 204, b"")


def introduction(version: str, hello: Hello) -> bytes:
    """The result of ``initialize``: the server's own words, at the version we agreed on."""
    members: dict[str, object] = {
        **members_of(hello.rest),
        "protocolVersion": version,
        "capabilities": msgspec.Raw(hello.capabilities),
        "serverInfo": msgspec.Raw(hello.server_info),
    }
    if hello.instructions:
        members["instructions"] = msgspec.Raw(hello.instructions)
    return msgspec.json.encode(members)


def _session_headers(scope: Scope) -> tuple[bytes, bytes]:
    session_id = version = b""
    for name, value in scope["headers"]:
        if name == b"mcp-session-id":
            session_id = value
        elif name == b"mcp-protocol-version":
            version = value
    return session_id, version


def _of_a_session(method: str, scope: Scope) -> bytes:
    """The session's id; in the era without sessions there is POST only. Raises BadRequest."""
    session_id, version = _session_headers(scope)
    if version and version not in _VERSIONS:
        raise _not_allowed(method, b"POST")
    return session_id


def _not_allowed(method: str, allowed: bytes) -> BadRequest:
    why = f"{method} is not allowed here."
    return BadRequest(405, Code.INVALID_REQUEST, why, headers=((b"allow", allowed),))


async def _stream(client: Client, send: Send) -> None:
    while not client.closed:
        messages = await client.told(HEARTBEAT)
        body = b"".join(map(event, messages)) or HEARTBEAT_COMMENT
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _take(surface: Surface, client: Client, message: Envelope, kind: Kind) -> None:
    """Take what needs no answer: a notification, or the client's own answer."""
    if kind is Kind.RESULT:
        asking.answered(client, bytes(message.id), Reply(result=bytes(message.result)))
    elif kind is Kind.ERROR:
        asking.answered(client, bytes(message.id), Reply(error=bytes(message.error)))
    elif message.method != "notifications/cancelled":
        surface.notice(client, str(message.method), bytes(message.params))
    else:
        _cancel(client, message.params)


def _cancel(client: Client, params: msgspec.Raw) -> None:
    try:
        cancelled = msgspec.json.decode(params, type=_Cancelled)
    except msgspec.DecodeError:
        return  # a cancellation that names nothing cancels nothing
    cancel = client.calls.get(bytes(cancelled.request_id))
    if cancel is not None:
        cancel(cancelled.reason)

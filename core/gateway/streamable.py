"""The endpoint itself: streamable HTTP in the stateful era, as plain ASGI.

MCP 2025-11-25, basic/transports#streamable-http. A client that goes away has not cancelled
anything; only ``notifications/cancelled`` does.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.asgi import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body, while_connected
from core.gateway.clients import Client, Clients
from core.gateway.refusal import Refusal
from core.gateway.surface import Running, Surface
from core.protocol import envelope
from core.protocol.calls import CallTimeout, ConnectionLost, Reply
from core.protocol.codes import LATEST_STATEFUL, STATEFUL_VERSIONS, Code
from core.protocol.envelope import Envelope, Kind, Malformed

BODY_LIMIT = 16 * 1024 * 1024  # bytes
HEARTBEAT = 15.0  # seconds of silence on a stream before a comment

JSON = (b"content-type", b"application/json")
SSE = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
NO_ID = b"null"
_VERSIONS = frozenset(version.encode() for version in STATEFUL_VERSIONS)


class _Initialize(msgspec.Struct, rename="camel"):
    protocol_version: str = LATEST_STATEFUL


class _Cancelled(msgspec.Struct, rename="camel"):
    request_id: msgspec.Raw
    reason: str = ""


class _BadRequest(Exception):
    """Refused before it reaches a surface: an HTTP status and a JSON-RPC error."""

    def __init__(self, status: int, code: Code, message: str, request_id: bytes = NO_ID) -> None:
        super().__init__(message)
        self.status = status
        self.body = envelope.error(request_id, envelope.error_object(code, message))


class Gateway:
    """An ASGI app; ``resolve`` gives the surface of a path, or None."""

    def __init__(self, clients: Clients, resolve: Callable[[str], Surface | None]) -> None:
        self._clients = clients
        self._resolve = resolve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        surface = self._resolve(scope["path"])
        try:
            if surface is None:
                raise _BadRequest(
                    404, Code.INVALID_REQUEST, f"There is no MCP endpoint at {scope['path']}."
                )
            match scope["method"]:
                case "POST":
                    await self._post(surface, scope, receive, send)
                case "GET":
                    await self._get(surface, scope, receive, send)
                case "DELETE":
                    self._clients.close(self._client(surface, scope))
                    await _send(send, 204, b"")
                case method:
                    raise _BadRequest(405, Code.INVALID_REQUEST, f"{method} is not allowed here.")
        except _BadRequest as bad:
            headers = ((b"allow", b"POST, GET, DELETE"),) if bad.status == 405 else ()
            await _send(send, bad.status, bad.body, JSON, *headers)
        except BodyTooLarge:
            text = f"The body is larger than {BODY_LIMIT} bytes."
            told = envelope.error(NO_ID, envelope.error_object(Code.INVALID_REQUEST, text))
            await _send(send, 413, told, JSON, (b"connection", b"close"))
        except ClientGone:
            return

    # --- POST ---------------------------------------------------------------------------------

    async def _post(self, surface: Surface, scope: Scope, receive: Receive, send: Send) -> None:
        message, kind = _read(await read_body(receive, BODY_LIMIT))
        if kind is not Kind.REQUEST:
            client = self._client(surface, scope)
            if kind is Kind.NOTIFICATION:
                _take_notification(surface, client, message)
            await _send(send, 202, b"")
            return
        request_id = bytes(message.id)
        if not envelope.is_request_id(request_id):
            raise _BadRequest(
                400, Code.INVALID_REQUEST, "A request's id must be a string or an integer."
            )
        if message.method == "initialize":
            await self._initialize(surface, request_id, message, send)
            return
        client = self._client(surface, scope, request_id)
        if request_id in client.calls:
            raise _BadRequest(
                400,
                Code.INVALID_REQUEST,
                "Another request with this id is still being answered.",
                request_id,
            )
        if message.method == "ping":
            await _send(send, 200, envelope.result(request_id, b"{}"), JSON)
            return
        try:
            begun = await surface.begin(client, str(message.method), bytes(message.params))
        except Refusal as refusal:
            await _send(send, 200, envelope.error(request_id, refusal.error_object()), JSON)
            return
        if isinstance(begun, bytes):
            await _send(send, 200, envelope.result(request_id, begun), JSON)
        else:
            await _answer(client, request_id, begun, send)

    async def _initialize(
        self, surface: Surface, request_id: bytes, message: Envelope, send: Send
    ) -> None:
        try:
            wanted = msgspec.json.decode(message.params or b"{}", type=_Initialize)
            version, result = await surface.introduce(wanted.protocol_version)
        except msgspec.DecodeError as error:
            raise _BadRequest(
                400, Code.INVALID_PARAMS, f"initialize: {error}", request_id
            ) from None
        except Refusal as refusal:
            await _send(send, 200, envelope.error(request_id, refusal.error_object()), JSON)
            return
        client = self._clients.open(surface.key, version)
        session_header = (b"mcp-session-id", client.id.encode())
        await _send(send, 200, envelope.result(request_id, result), JSON, session_header)

    def _client(self, surface: Surface, scope: Scope, request_id: bytes = NO_ID) -> Client:
        session_id = version = b""
        for name, value in scope["headers"]:
            if name == b"mcp-session-id":
                session_id = value
            elif name == b"mcp-protocol-version":
                version = value
        if version and version not in _VERSIONS:
            known = ", ".join(STATEFUL_VERSIONS)
            raise _BadRequest(
                400,
                Code.INVALID_REQUEST,
                f"MCP-Protocol-Version {version.decode('latin-1')!r} is not spoken here; "
                f"known are {known}. Start with initialize.",
                request_id,
            )
        if not session_id:
            raise _BadRequest(
                400,
                Code.INVALID_REQUEST,
                "Mcp-Session-Id is missing. Start with initialize.",
                request_id,
            )
        client = self._clients.find(session_id.decode("latin-1"), surface.key)
        if client is None:
            raise _BadRequest(
                404,
                Code.INVALID_REQUEST,
                "This session has ended or never was. Start with initialize.",
                request_id,
            )
        return client

    # --- GET ----------------------------------------------------------------------------------

    async def _get(self, surface: Surface, scope: Scope, receive: Receive, send: Send) -> None:
        client = self._client(surface, scope)
        await send({"type": "http.response.start", "status": 200, "headers": SSE})
        await while_connected(receive, _stream(client, send))


async def _stream(client: Client, send: Send) -> None:
    while not client.closed:
        messages = await client.told(HEARTBEAT)
        body = b"".join(map(_event, messages)) or b":\n\n"
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _read(body: bytes) -> tuple[Envelope, Kind]:
    try:
        message = envelope.decode(body)
        return message, envelope.kind_of(message)
    except Malformed as problem:
        if body.lstrip()[:1] == b"[":
            why = "Batches are not part of this protocol version; send one message at a time."
            raise _BadRequest(400, Code.INVALID_REQUEST, why) from None
        unreadable = problem.kind in {"not_json", "utf8", "too_deep"}
        code = Code.PARSE_ERROR if unreadable else Code.INVALID_REQUEST
        raise _BadRequest(400, code, f"Not a JSON-RPC message: {problem}.") from None


def _take_notification(surface: Surface, client: Client, message: Envelope) -> None:
    method, params = str(message.method), bytes(message.params)
    if method != "notifications/cancelled":
        surface.notice(client, method, params)
        return
    try:
        cancelled = msgspec.json.decode(params, type=_Cancelled)
    except msgspec.DecodeError:
        return  # a cancellation that names nothing cancels nothing
    asked = client.calls.get(bytes(cancelled.request_id))
    if asked is not None:
        session, call = asked
        session.cancel(call, cancelled.reason)
        call.fail(Cancelled())


class Cancelled(Exception):
    """The client no longer wants the answer, and gets none (MCP basic/utilities/cancellation)."""


async def _answer(client: Client, request_id: bytes, running: Running, send: Send) -> None:
    """Wait for the reply and pass it on; as a stream only if something comes before it."""
    call = running.call
    client.calls[request_id] = (running.session, call)
    streaming = False
    reply: Reply | None = None
    try:
        while (reply := await call.arrival()) is None:
            events = [envelope.notification(method, params) for method, params in call.events]
            call.events.clear()
            if not streaming:
                streaming = True
                await send({"type": "http.response.start", "status": 200, "headers": SSE})
            body = b"".join(map(_event, events))
            await send({"type": "http.response.body", "body": body, "more_body": True})
        if reply.result is not None:
            answer = envelope.result(request_id, reply.result)
        else:
            answer = envelope.error(request_id, reply.error or b"{}")
    except ConnectionLost as lost:
        why = f"{running.what}: {lost}. It may or may not have been carried out."
        answer = envelope.error(request_id, envelope.error_object(Code.CALL_LOST, why))
    except CallTimeout as late:
        why = f"{running.what} gave {late}."
        answer = envelope.error(request_id, envelope.error_object(Code.CALL_TIMEOUT, why))
    except Cancelled:
        answer = b""
    finally:
        del client.calls[request_id]
        running.ended(reply)
    if streaming:
        await send({"type": "http.response.body", "body": _event(answer) if answer else b""})
    elif answer:
        await _send(send, 200, answer, JSON)
    else:
        await _send(send, 202, b"")


def _event(message: bytes) -> bytes:
    # JSON text holds no raw line breaks outside strings unless it was pretty-printed
    if b"\n" in message or b"\r" in message:
        message = message.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"event: message\ndata: %b\n\n" % message


async def _send(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})

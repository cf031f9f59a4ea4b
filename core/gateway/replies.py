"""Answers over HTTP, and what is refused before anybody is asked."""

from __future__ import annotations

from core.asgi import Send
from core.gateway.sse import SSE, event
from core.gateway.surface import Running
from core.protocol import envelope
from core.protocol.calls import CallTimeout, ConnectionLost
from core.protocol.codes import Code
from core.protocol.envelope import Envelope, Kind, Malformed

JSON = (b"content-type", b"application/json")
NO_ID = b"null"


class BadRequest(Exception):
    """Refused before it reaches a surface: an HTTP status and a JSON-RPC error."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        request_id: bytes = NO_ID,
        data: object = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = envelope.error(request_id, envelope.error_object(code, message, data))
        self.headers = headers


def read(body: bytes) -> tuple[Envelope, Kind]:
    """One message of a client's. Raises BadRequest."""
    try:
        message = envelope.decode(body)
        return message, envelope.kind_of(message)
    except Malformed as problem:
        if body.lstrip()[:1] == b"[":
            why = "Batches are not part of this protocol version; send one message at a time."
            raise BadRequest(400, Code.INVALID_REQUEST, why) from None
        unreadable = problem.kind in {"not_json", "utf8", "too_deep"}
        code = Code.PARSE_ERROR if unreadable else Code.INVALID_REQUEST
        raise BadRequest(400, code, f"Not a JSON-RPC message: {problem}.") from None


def read_id(message: Envelope) -> bytes:
    """The id of a request, as JSON. Raises BadRequest."""
    request_id = bytes(message.id)
    if not envelope.is_request_id(request_id):
        raise BadRequest(
            400, Code.INVALID_REQUEST, "A request's id must be a string or an integer."
        )
    return request_id


async def send_whole(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


class Delivery:
    """One answer on its way: as JSON, or as a stream once something comes before it."""

    __slots__ = ("_send", "_streaming")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streaming = False

    async def before(self, messages: list[bytes]) -> None:
        """Send what comes before the answer."""
        if not messages:
            return
        if not self._streaming:
            self._streaming = True
            await self._send({"type": "http.response.start", "status": 200, "headers": SSE})
        body = b"".join(map(event, messages))
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, answer: bytes, status: int = 200) -> None:
        """Send the answer; an empty one ends the response without."""
        if self._streaming:
            body = event(answer) if answer else b""
            await self._send({"type": "http.response.body", "body": body})
        elif answer:
            await send_whole(self._send, status, answer, JSON)
        else:
            await send_whole(self._send, 202, b"")


def failure(running: Running, why: ConnectionLost | CallTimeout) -> bytes:
    """The error object for a request that got no answer."""
    if isinstance(why, ConnectionLost):
        text = f"{running.what}: {why}. It may or may not have been carried out."
        return envelope.error_object(Code.CALL_LOST, text)
    return envelope.error_object(Code.CALL_TIMEOUT, f"{running.what} gave {why}.")

"""Building the answers of ``/api``: the envelope around data or around one error."""

from __future__ import annotations

import msgspec

from core.asgi import Header
from core.web.exchange import Response
from core.web.wire import Envelope, ErrorJson


class Refused(Exception):
    """A handler's way to answer with an error; ``message`` is for a person."""

    def __init__(
        self, status: int, code: str, message: str, headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def success(data: msgspec.Struct, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(Envelope(success=True, data=data)))


def plain(data: msgspec.Struct, status: int = 200) -> Response:
    """Without the envelope, as probes of other programs expect it."""
    return Response(status, msgspec.json.encode(data))


def failure(code: str, message: str, request_id: bytes) -> bytes:
    error = ErrorJson(code, message, request_id.decode("ascii"))
    return msgspec.json.encode(Envelope(success=False, error=error))

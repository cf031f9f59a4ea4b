"""One request and its answer, as the handlers of routes see them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from core.asgi import Header, Receive

JSON_TYPE = b"application/json"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a route's handler sees it; ``params`` are the template's placeholders.

    ``far`` and ``near`` are the ends of its connection, none on a unix socket.
    """

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: tuple[Header, ...]
    receive: Receive
    far: Address | None = None
    near: Address | None = None

    def header(self, name: bytes) -> str:
        """The last header of that (lower-case) name, or an empty string."""
        found = [value for key, value in self.headers if key == name]
        return found[-1].decode("latin-1") if found else ""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; a body that is a generator is streamed until it ends or the client goes."""

    status: int
    body: bytes | AsyncGenerator[bytes, None]
    content_type: bytes = JSON_TYPE
    headers: tuple[Header, ...] = ()

"""The part of ASGI 3 we speak: its types, a request, an answer, and a leash on the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Header = tuple[bytes, bytes]

JSON_TYPE = b"application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a route's handler sees it; ``params`` are the template's placeholders."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: tuple[Header, ...]
    receive: Receive

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


class ClientGone(Exception):
    """The client closed its connection before it had its answer."""


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Do ``work``, but stop it when the client goes away.

    Raises ClientGone then, and whatever the work raises.
    """
    leash = asyncio.timeout(None)
    watch = asyncio.create_task(_disconnected(receive), name="client watch")

    def pull(_: asyncio.Task[None]) -> None:
        if not watch.cancelled():
            leash.reschedule(asyncio.get_running_loop().time())

    try:
        async with leash:
            watch.add_done_callback(pull)
            try:
                return await work
            finally:
                watch.remove_done_callback(pull)
    except TimeoutError:
        if leash.expired():
            raise ClientGone from None
        raise
    finally:
        watch.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""The part of ASGI 3 that both driving sides speak: its types, and a leash on the client.

And what ASGI lacks: an answer without a task, for requests that need none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Header = tuple[bytes, bytes]
Payload = bytes | memoryview

Work = Callable[[Receive, Send], Awaitable[None]]
"""Answers one request; an ASGI app that knows the scope already."""


class Turn(Protocol):
    """One whole request that may be answered without a task of its own."""

    scope: Scope

    @property
    def body(self) -> bytes: ...

    def answer(self, *body: Payload) -> None:
        """Answer with 200 and JSON in so many parts, now or later; if not this, then ``spawn``."""

    def when_gone(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` if the client goes away before the answer; a task has to see by itself."""

    def spawn(self, work: Work) -> None:
        """Let a task answer instead; if the client is gone, it tells nobody."""


AtOnce = Callable[[Turn], bool]
"""Takes a request that is whole, or leaves it untouched and returns False."""


class ClientGone(Exception):
    """The client closed its connection before it had its answer."""


class BodyTooLarge(Exception):
    """The request's body is longer than allowed."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole request body. Raises BodyTooLarge beyond ``limit`` bytes, ClientGone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise BodyTooLarge
        return body
    parts = [body]
    length = len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if length > limit:
            raise BodyTooLarge
    return b"".join(parts)


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Do ``work``, but stop it when the client goes away.

    Raises ClientGone then, and whatever the work raises.
    """
    over = False
    leash = asyncio.timeout(None)
    watch = asyncio.create_task(_disconnected(receive), name="client watch")

    def pull(_: asyncio.Task[None]) -> None:
        if not watch.cancelled() and not over:
            leash.reschedule(asyncio.get_running_loop().time())

    try:
        async with leash:
            watch.add_done_callback(pull)
            try:
                return await work
            finally:
                over = True
    except TimeoutError:
        if leash.expired():
            raise ClientGone from None
        raise
    finally:
        watch.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

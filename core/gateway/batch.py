"""Several messages in one POST, which only the version 2025-03-26 has (basic#batching).

The answers come together, after what was told before them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from core.asgi import Message, Send
from core.gateway.clients import Client
from core.gateway.replies import BadRequest, Delivery
from core.protocol.codes import Code

VERSION = "2025-03-26"
MOST = 100  # messages

One = Callable[[msgspec.Raw, Send], Awaitable[None]]


def split(body: bytes) -> list[msgspec.Raw]:
    """The messages of a batch. Raises BadRequest."""
    try:
        parts = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(400, Code.PARSE_ERROR, f"Not a JSON-RPC batch: {error}.") from None
    if not 0 < len(parts) <= MOST:
        raise BadRequest(400, Code.INVALID_REQUEST, f"A batch has 1 to {MOST} messages.")
    return parts


async def answer(client: Client, parts: list[msgspec.Raw], one: One, send: Send) -> None:
    """Have ``one`` answer each message, all at the same time."""
    kept = [_Kept() for _ in parts]
    client.batches += 1
    try:
        await asyncio.gather(*(one(part, keep) for part, keep in zip(parts, kept, strict=True)))
    finally:
        client.batches -= 1
    told = [keep.messages() for keep in kept]
    answers = [messages[-1] for messages in told if messages]
    delivery = Delivery(send)
    await delivery.before([each for messages in told for each in messages[:-1]])
    await delivery.end(b"[%b]" % b",".join(answers) if answers else b"")


class _Kept:
    """A way to send that keeps what is sent."""

    def __init__(self) -> None:
        self._body = b""

    async def __call__(self, message: Message) -> None:
        self._body += message.get("body", b"")

    def messages(self) -> list[bytes]:
        """What was sent, the answer last; nothing for what has no answer."""
        if not self._body.startswith(b"event:"):
            return [self._body] if self._body else []
        lines = self._body.split(b"\n")
        return [line[6:] for line in lines if line.startswith(b"data: ")]

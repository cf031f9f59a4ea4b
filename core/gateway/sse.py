"""Streams to clients, as server-sent events (HTML Living Standard §9.2)."""

from __future__ import annotations

HEARTBEAT = 15.0  # seconds of silence on a stream before a comment
HEARTBEAT_COMMENT = b":\n\n"

SSE = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def event(message: bytes) -> bytes:
    """One message as an event."""
    # JSON text holds no raw line breaks outside strings unless it was pretty-printed
    if b"\n" in message or b"\r" in message:
        message = message.replace(b"\r", b" ").replace(b"\n", b" ")
    # Joined: "%b" takes twenty times as long for a megabyte.
    return b"".join((b"event: message\ndata: ", message, b"\n\n"))

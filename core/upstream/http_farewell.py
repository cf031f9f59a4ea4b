"""The end of a session, told to the server (MCP 2025-11-25, basic/transports)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from core.upstream.http_channel import Channel
from core.upstream.http_wire import WireFailure

LIMIT = 1.0  # seconds


class Farewell:
    """A DELETE whose answer is of no interest, whatever it is."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def said(self) -> None:
        """Wait until the server has heard it, but not long."""
        channel = self._channel
        request = channel.heads.delete(channel.path, channel.session.hello)
        exchange = channel.pool.send(request, self)
        await asyncio.wait([self._over], timeout=LIMIT)
        exchange.close()

    def head(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def body(self, data: bytes) -> None:
        return

    def end(self) -> None:
        return

    def failed(self, failure: WireFailure) -> None:
        if not self._over.done():
            self._over.set_result(None)

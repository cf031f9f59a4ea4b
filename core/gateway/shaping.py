"""What becomes of a server's reply on its way to a client that sees many servers as one."""

from __future__ import annotations

from collections.abc import Callable

from core.gateway.cutting import Cutter
from core.gateway.relabelling import Shown
from core.gateway.scope import Scope
from core.protocol.calls import Reply

Relabel = Callable[[bytes, Shown], bytes]


class Shaped:
    """Implements ``core.gateway.surface.Shape``: URIs lead back, and a cutter cuts, if any."""

    __slots__ = ("_cutter", "_relabel", "_scope", "_server")

    def __init__(
        self, scope: Scope, server: str, relabel: Relabel, cutter: Cutter | None = None
    ) -> None:
        self._scope = scope
        self._server = server
        self._relabel = relabel
        self._cutter = cutter

    def at_once(self, reply: Reply) -> Reply | None:
        told = self._led_back(reply)
        return told if self._cutter is None or self._cutter.fits(told) else None

    async def __call__(self, reply: Reply) -> Reply:
        told = self._led_back(reply)
        return told if self._cutter is None else await self._cutter.shape(told)

    def _led_back(self, reply: Reply) -> Reply:
        if reply.result is None:
            return reply
        result = bytes(reply.result)
        told = self._relabel(result, self._shown)
        return reply if told is result else Reply(result=told)

    def _shown(self, uri: str) -> str:
        return self._scope.merged().uris.shown(self._server, uri)

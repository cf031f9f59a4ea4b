"""Requests of a server's own (sampling, elicitation, roots), each brought to the one it is for.

A stateful server asks in the middle of a call (MCP 2025-11-25, client/*), and on a shared
connection nothing on the wire may say of whose. What cannot be attributed is refused, never
guessed: a question reaches the asker whose call caused it, or nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from core.protocol import envelope
from core.protocol.calls import Ask, Reply
from core.protocol.codes import Code
from core.upstream.pending import Pending

MOST_OPEN = 256  # questions of one server that wait for answers

_ROOTS = "roots/list"


class _Cancelled(msgspec.Struct, rename="camel"):
    request_id: msgspec.Raw = msgspec.Raw()


class Asks:
    """The questions that wait for an answer; ``tell`` sends a message to the server.

    ``roots_asked`` and ``unattributed`` tell whether it ever asked for roots, and ever asked
    anything of which nobody knew for whom.
    """

    def __init__(self, tell: Callable[[bytes], None]) -> None:
        self._tell = tell
        self._open: dict[bytes, Ask] = {}  # by the server's id, as JSON
        self.roots_asked = False
        self.unattributed = False
        self.alone: Callable[[Ask], None] | None = None  # takes what belongs to no call

    @property
    def waiting(self) -> int:
        """How many are not answered yet."""
        return len(self._open)

    def asked(self, request_id: bytes, method: str, params: bytes, cause: Pending | None) -> None:
        """Take a question that ``cause`` led to, as far as that is known."""
        self.roots_asked = self.roots_asked or method == _ROOTS
        if method == "ping":
            self._tell(envelope.result(request_id, b"{}"))
            return
        if cause is None and self.alone is None:
            self.unattributed = self.unattributed or method != _ROOTS
            self._refuse(request_id, f"{method}: nobody can tell which client this is for")
            return
        if len(self._open) >= MOST_OPEN or request_id in self._open:
            self._refuse(request_id, f"{method}: too many questions wait, or this one does already")
            return

        def answered(reply: Reply) -> None:
            if self._open.pop(request_id, None) is None:
                return
            if reply.result is not None:
                self._tell(envelope.result(request_id, reply.result))
            else:
                self._tell(envelope.error(request_id, reply.error or b"{}"))

        ask = Ask(method, params, answered)
        self._open[request_id] = ask
        if cause is not None:
            cause.asks = (*cause.asks, ask)
            cause.call.ask(ask)
        elif self.alone is not None:
            self.alone(ask)

    def cancelled(self, params: bytes) -> None:
        """The server takes a question back (MCP 2025-11-25, basic/utilities/cancellation)."""
        try:
            request_id = bytes(msgspec.json.decode(params, type=_Cancelled).request_id)
        except msgspec.DecodeError:
            return
        ask = self._open.pop(request_id, None)
        if ask is not None:
            ask.withdraw()

    def lose(self) -> None:
        """The connection is over."""
        asks, self._open = list(self._open.values()), {}
        for ask in asks:
            ask.withdraw()

    def _refuse(self, request_id: bytes, why: str) -> None:
        self._tell(
            envelope.error(request_id, envelope.error_object(Code.METHOD_NOT_FOUND, f"{why}."))
        )


def cause_of(in_flight: Iterable[Pending], ours: str) -> Pending | None:
    """The newest request in flight, if all that are belong to one and the same asker.

    Our own requests (those of the caller ``ours``) cause no questions.
    """
    newest: Pending | None = None
    for pending in in_flight:
        if pending.call.caller == ours:
            continue
        if not pending.call.caller or (newest and newest.call.caller != pending.call.caller):
            return None
        newest = pending
    return newest


def owner_of_log(in_flight: Iterable[Pending], stateless: bool, ours: str) -> Pending | None:
    """The request that a log line is for which came on no request's stream, if only one fits.

    A stateless server writes some for requests that opted in, and for nobody else (2026-07-28,
    server/utilities/logging); one with a session writes for everybody who has it.
    """
    if not stateless:
        return cause_of(in_flight, ours)
    wanting = [pending for pending in in_flight if pending.wants_log]
    return wanting[0] if len(wanting) == 1 else None

"""What everything that talks to one HTTP server shares, and whom it tells what happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urljoin

import msgspec

from core.model.faults import Fault
from core.protocol import envelope
from core.protocol.calls import Reply
from core.protocol.codes import Code
from core.protocol.envelope import Malformed
from core.upstream.http_faults import Refused, redirected, refused
from core.upstream.http_head import Heads
from core.upstream.http_pool import Pool
from core.upstream.http_route import Route
from core.upstream.http_wire import WireFailure
from core.upstream.multiplexer import Multiplexer
from core.upstream.oauth_challenge import challenge_in

MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BODY_LIMIT = 16 * 1024 * 1024  # bytes of one answer
EXCERPT = 64 * 1024  # bytes kept of an answer that is no message

_NO_SESSION = -32000  # what servers on the official TypeScript SDK say for an unknown session


class Onlooker(Protocol):
    """Who is told what happens to the requests of a server."""

    def responded(self, status: int) -> None:
        """An answer began."""

    def worked(self) -> None:
        """A request was answered as it should be."""

    def failed(self, fault: Fault, ends: bool) -> None:
        """A request was not; ``ends``: the server can be used no longer."""

    def session_lost(self) -> None:
        """The server does not know our session any more."""


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class Channel:
    """One server's URL, with the conversation that takes place there."""

    def __init__(self, name: str, route: Route, path: str, heads: Heads, look: Onlooker) -> None:
        self.name = name
        self.route = route
        self.path = path
        self.heads = heads
        self.look = look
        self.pool: Pool
        self.session: Multiplexer

    def deliver(self, message: bytes, stream: int) -> None:
        """Hand a message of the server's on; an array of them was allowed in 2025-03-26."""
        if not message.startswith(b"["):
            self.session.received(message, stream)
            return
        try:
            batch = msgspec.json.decode(message, type=list[msgspec.Raw])
        except msgspec.DecodeError:
            batch = [msgspec.Raw(message)]  # which names what is wrong with it
        for each in batch:
            self.session.received(bytes(each), stream)

    def moved(self, headers: Mapping[bytes, bytes], hops: int) -> Fault | None:
        """Follow a redirection within the origin; from then on everything goes there."""
        location = headers.get(b"location", b"").decode("latin-1")
        if hops >= MOST_REDIRECTS:
            return redirected(self.route, location, "and on, again and again")
        path = self.route.path_of(urljoin(self.route.origin + self.path, location))
        if not location or path is None:
            return redirected(self.route, location, "which is another place")
        self.path = path
        return None

    def unanswered(self, failure: WireFailure) -> bytes:
        """The error object for a request that got no whole answer."""
        if failure.unsent:
            words = f"The server {self.name!r} cannot be reached, so nothing was sent: {failure}."
            return envelope.error_object(Code.SERVER_UNAVAILABLE, words)
        words = f"The server {self.name!r} did not answer, and may or may not have run: {failure}."
        return envelope.error_object(Code.CALL_LOST, words)

    def refusal(
        self, status: int, headers: Mapping[bytes, bytes], body: bytes
    ) -> tuple[Reply, Refused]:
        """What the asker gets for an answer whose status is no success."""
        proof = self.heads.proof
        if status in (401, 403) and proof.may_sign_in:
            proof.challenge = challenge_in(headers.get(b"www-authenticate", b""))
        verdict = refused(self.route, status, headers, body, signed_in=bool(proof.line))
        error = error_in(body)
        if error is not None:
            return Reply(error=error), verdict
        code = Code.SERVER_UNAVAILABLE if status < 500 else Code.CALL_LOST
        data: dict[str, object] = {"httpStatus": status}
        if status == 429:
            code = Code.TOO_BUSY
            if verdict.retry_after is not None:
                data["retryAfter"] = verdict.retry_after
        words = f"{self.name!r}: {verdict.fault.message}"
        return Reply(error=envelope.error_object(code, words, data)), verdict

    def lost(self, status: int, body: bytes, request_id: int, session_id: bytes) -> bool:
        """Whether the answer means that the session it was asked in is unknown there.

        404 by the specification (2025-11-25, basic/transports#session-management); servers that
        follow the TypeScript SDK's example say 400 and speak of the session.
        """
        hello = self.session.hello
        if hello.stateless or not session_id or status not in (400, 404):
            return False
        error = error_in(body)
        if error is None:
            return status == 404
        said = msgspec.json.decode(error, type=_Error)
        if "session" in said.message.lower() and said.code <= _NO_SESSION:
            return True
        return status == 404 and not body_answers(body, request_id)


def error_in(body: bytes) -> bytes | None:
    """The error object, if the body is a JSON-RPC error."""
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        message = envelope.decode(body)
        msgspec.json.decode(message.error, type=_Error)
    except (Malformed, msgspec.DecodeError):
        return None
    return bytes(message.error) or None


def body_answers(body: bytes, request_id: int) -> bool:
    """Whether the message answers this very request."""
    try:
        return bytes(envelope.decode(body).id) == b"%d" % request_id
    except Malformed:
        return False

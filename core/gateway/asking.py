"""Requests of a server's own on their way to a client that has a session, and the answers back.

MCP 2025-11-25, client/sampling, client/elicitation, client/roots: only what the client declared
may be asked of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import msgspec

from core.gateway.clients import Client
from core.protocol import envelope
from core.protocol.calls import Ask, Reply
from core.protocol.codes import Code
from core.protocol.meta import Object, members_of

NEEDS = {
    "roots/list": "roots",
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
}
"""Which capability a client declares that can be asked this."""

CANCELLED = "notifications/cancelled"
ASKED_MOST = 64  # questions to one client at the same time

VISITS_KEPT = 15  # ids of URLs a client was last asked to visit

Tell = Callable[[str, bytes], None]

_ids = itertools.count(1)


class _Params(msgspec.Struct):
    mode: str = "form"
    tools: msgspec.Raw = msgspec.Raw()


class _Visit(msgspec.Struct, rename="camel"):
    elicitation_id: str = ""


def lacking(capabilities: Object, method: str, params: bytes) -> str:
    """The capability the client would need and did not declare; empty if nothing is missing.

    What we do not know is the client's to judge.
    """
    name = NEEDS.get(method)
    if name is None:
        return ""
    if name not in capabilities:
        return name
    try:
        asked = msgspec.json.decode(params or b"{}", type=_Params)
    except msgspec.DecodeError:
        return ""
    within = members_of(capabilities[name])
    if name == "sampling" and asked.tools and "tools" not in within:
        return "sampling.tools"
    # Before modes there was an empty object, and it means forms (MCP 2025-11-25).
    if name == "elicitation" and asked.mode not in (within or {"form"}):
        return f"elicitation.{asked.mode}"
    return ""


def refuse(ask: Ask, why: str, code: Code = Code.METHOD_NOT_FOUND) -> None:
    """Answer for a client that cannot, so that the server never waits for nothing."""
    ask.answer(Reply(error=envelope.error_object(code, f"{ask.method}: {why}")))


def put(client: Client, ask: Ask, tell: Tell) -> bytes:
    """Make a server's request one to the client; what is returned has to be sent to it.

    Empty when the client cannot be asked: then the server has its answer already. ``tell``
    reaches the client on the same stream, for when the server takes its question back.
    """
    missing = lacking(client.capabilities, ask.method, ask.params)
    if missing:
        refuse(ask, f"the client did not declare the capability {missing}")
        return b""
    if client.batches:
        refuse(ask, "the client waits for a whole batch and cannot be asked meanwhile")
        return b""
    if len(client.asked) >= ASKED_MOST:
        refuse(ask, f"{ASKED_MOST} questions already wait for this client", Code.TOO_BUSY)
        return b""
    number = next(_ids)
    own_id = b"%d" % number
    client.asked[own_id] = ask
    visit = visit_of(ask.params)
    if visit:
        client.visits = (*client.visits[-VISITS_KEPT:], visit)

    def withdrawn(_: object) -> None:
        if client.asked.pop(own_id, None) is not None:
            tell(CANCELLED, _no_longer(own_id))

    ask.withdrawn.add_done_callback(withdrawn)
    return envelope.request(number, ask.method, ask.params)


def visit_of(params: bytes) -> str:
    """The id of a URL somebody was asked to visit, in the question and in what tells its end."""
    if b'"elicitationId"' not in params:
        return ""
    try:
        return msgspec.json.decode(params, type=_Visit).elicitation_id
    except msgspec.DecodeError:
        return ""


def withdrawal(own_id: bytes) -> bytes:
    """Tells the client that nobody needs its answer any more."""
    return envelope.notification(CANCELLED, _no_longer(own_id))


def _no_longer(own_id: bytes) -> bytes:
    told = {"requestId": msgspec.Raw(own_id), "reason": "The server no longer needs the answer."}
    return msgspec.json.encode(told)


def answered(client: Client, own_id: bytes, reply: Reply) -> bool:
    """Take the client's answer; whether anything was asked under that id."""
    ask = client.asked.pop(own_id, None)
    if ask is None:
        return False
    ask.answer(reply)
    return True


def give_up(client: Client, why: str, of: Sequence[Ask] | None = None) -> list[bytes]:
    """Answer what the client was asked and did not answer; returns the ids that were in use."""
    given = [own_id for own_id, ask in client.asked.items() if of is None or ask in of]
    for own_id in given:
        refuse(client.asked.pop(own_id), why, Code.INTERNAL_ERROR)
    return given

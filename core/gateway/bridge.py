"""From the client's era to the server's: which way a request has to take."""

from __future__ import annotations

from core.gateway.clients import Client
from core.gateway.parked import state_is_ours
from core.gateway.refusal import Refusal
from core.gateway.surface import Ended, Running
from core.gateway.to_stateful import ToStateful
from core.gateway.to_stateless import ToStateless, terms_for
from core.protocol.calls import Call, Session
from core.protocol.codes import Code
from core.protocol.meta import members_of, with_terms, without_terms


def send(client: Client, session: Session, method: str, params: bytes) -> Call:
    """Start a request in the words of the server's era.

    Raises ConnectionLost, TooBusy; Refusal for what cannot be said in that era.
    """
    if session.hello.stateless is not client.stateless:
        if client.stateless:
            _check_state(params)
            params = without_terms(params)
        else:
            params = with_terms(params, terms_for(client))
    return session.start(method, params, client.id)


def running(
    client: Client,
    session: Session,
    call: Call,
    *,
    server: str,
    asked: str,
    ended: Ended,
    sent_at: float,
    method: str,
    params: bytes,
) -> Running:
    """The request that was sent, as its client's era waits for it."""
    if session.hello.stateless is client.stateless:
        return Running(session, call, server, asked, ended, sent_at)
    if client.stateless:
        return ToStateful(session, call, server, asked, ended, sent_at, client, method)
    return ToStateless(session, call, server, asked, ended, sent_at, client, method, params)


def _check_state(params: bytes) -> None:
    """A server with a session gives no state, so one that comes back was given by another."""
    if b'"requestState"' not in params:
        return
    state = members_of(params).get("requestState")
    if state is not None and not state_is_ours(state):
        raise Refusal(Code.INVALID_PARAMS, "This requestState is not of this server.")

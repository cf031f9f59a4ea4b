"""From the client's era to the server's: which way a request has to take."""

from __future__ import annotations

from core.gateway.clients import Client
from core.gateway.surface import Ended, Running
from core.gateway.to_stateful import ToStateful
from core.gateway.to_stateless import ToStateless, terms_for
from core.protocol.calls import Call, Session
from core.protocol.meta import with_terms, without_terms


def send(client: Client, session: Session, method: str, params: bytes) -> Call:
    """Start a request in the words of the server's era. Raises ConnectionLost, TooBusy."""
    if session.hello.stateless is not client.stateless:
        if client.stateless:
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

"""Finds out where a person signs in to a server: from the server to its authorization server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from core.errors import SignInFailed
from core.upstream.oauth_challenge import Challenge
from core.upstream.oauth_metadata import (
    MOST_SERVERS,
    Issuer,
    Resource,
    issuer_in,
    resource_in,
)
from core.upstream.oauth_places import (
    canonical,
    describing_issuer,
    describing_resource,
    host_of,
    origin,
)
from core.upstream.oauth_web import Unreached, Web


@dataclass(frozen=True, slots=True)
class Found:
    """What a sign-in is for, and who gives it."""

    resource: str
    scopes: tuple[str, ...]
    issuer: Issuer


class NoSignIn(SignInFailed):
    """The server offers none."""


async def offers_sign_in(web: Web, url: str, challenge: Challenge) -> bool:
    """Whether there is anything to sign in to; asks the server's own origin at most."""
    if challenge.resource_metadata:
        return True
    try:
        if await _resource(web, url, challenge) is not None:
            return True
        return await _first(web, describing_issuer(origin(url))) is not None
    except SignInFailed:
        return False


async def discover(web: Web, url: str, challenge: Challenge) -> Found:
    """Raises SignInFailed and its kinds: NoSignIn, Unreached."""
    resource = await _resource(web, url, challenge)
    if resource is None:
        # Before 2025-06-18 a server was its own authorization server, at its origin.
        issuer = await _issuer(web, origin(url))
        if issuer is None:
            raise NoSignIn(
                f"{host_of(url)} does not say how to sign in. If you have a key for it, put it "
                'under "headers" of its entry, as in {"Authorization": "Bearer ${env:NAME}"}.'
            )
        return Found(canonical(url), (), issuer)
    if not resource.authorization_servers:
        raise NoSignIn(f"{host_of(url)} names nobody at whom to sign in.")
    issuer = await _one_of(web, resource.authorization_servers[:MOST_SERVERS])
    return Found(resource.resource, resource.scopes_supported, issuer)


async def _resource(web: Web, url: str, challenge: Challenge) -> Resource | None:
    """The server's description of itself; None where it has none. Raises SignInFailed."""
    said = challenge.resource_metadata
    body = await _first(web, (said,) if said else describing_resource(url))
    if body is None and said:
        raise SignInFailed(
            f"{host_of(url)} says it tells how to sign in at {said!r}, but does not."
        )
    return None if body is None else resource_in(body, url)


async def _one_of(web: Web, issuers: Iterable[str]) -> Issuer:
    """The first that can be used; else why the first cannot. Raises SignInFailed."""
    failure: SignInFailed | None = None
    for each in issuers:
        try:
            issuer = await _issuer(web, each)
        except SignInFailed as error:
            failure = failure or error
            continue
        if issuer is not None:
            return issuer
        failure = failure or SignInFailed(f"{host_of(each)} does not say how to sign in there.")
    assert failure is not None
    raise failure


async def _issuer(web: Web, issuer: str) -> Issuer | None:
    """An authorization server's description; None where it has none. Raises SignInFailed."""
    body = await _first(web, describing_issuer(issuer))
    return None if body is None else issuer_in(body, issuer, web.reach)


async def _first(web: Web, urls: Iterable[str]) -> bytes | None:
    """What the first address has that has anything. Raises Unreached."""
    for url in urls:
        answer = await web.get(url)
        if answer.status == HTTPStatus.OK:
            return answer.body
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreached(f"{host_of(url)} failed to answer (HTTP {answer.status}). Try later.")
    return None

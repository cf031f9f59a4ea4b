"""One sign-in of a person: from finding out where, by way of their browser, to tokens."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from core.errors import SignInFailed
from core.model.config import Http, OAuth
from core.model.faults import Fault
from core.ports import Keyring
from core.upstream.oauth_asking import (
    Asked,
    NotOurs,
    client_known,
    client_registered,
    code_form,
    code_in,
    proven,
    refresh_form,
    registration,
    revocation_form,
    scopes_wanted,
    tokens_in,
)
from core.upstream.oauth_challenge import Challenge
from core.upstream.oauth_discovery import Found, discover
from core.upstream.oauth_kept import Client, Kept
from core.upstream.oauth_loopback import Loopback
from core.upstream.oauth_metadata import registered_in
from core.upstream.oauth_places import host_of
from core.upstream.oauth_web import Web
from core.upstream.values import MissingSecret, resolve, values_for

PATIENCE = 300.0  # seconds a person gets to sign in
BEGIN_LIMIT = 30.0  # seconds to learn where

_CREATED = (200, 201)
_ANSWERED = (200, 204)


class SignIn:
    """Begun with ``begin``, brought to its end with ``finish``; closed in every case."""

    def __init__(
        self, name: str, url: str, settings: OAuth | None, patience: float = PATIENCE
    ) -> None:
        self.name = name
        self._url = url
        self._settings = settings
        self._patience = patience
        self._asked: Asked
        self._loopback = Loopback(self._is_answer)
        self._open = AsyncExitStack()

    async def begin(self, web: Web, challenge: Challenge, earlier: Kept | None) -> str:
        """The link for the person. ``earlier`` is what was kept until now. Raises SignInFailed."""
        try:
            async with asyncio.timeout(BEGIN_LIMIT):
                found = await discover(web, self._url, challenge)
                await self._listen()
                scopes = scopes_wanted(
                    self._settings,
                    challenge.scopes,
                    found.scopes,
                    earlier.scopes if earlier is not None else (),
                    found.issuer,
                )
                client = await self._client(web, found, scopes, earlier)
        except TimeoutError:
            raise SignInFailed(
                f"How to sign in was not told within {BEGIN_LIMIT:g} s. Try again later."
            ) from None
        self._asked = Asked(
            issuer=found.issuer,
            client=client,
            resource=found.resource,
            scopes=scopes,
            redirect_uri=self._loopback.redirect_uri,
            state=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
        )
        return self._asked.link

    async def finish(self, web: Web) -> Kept:
        """Wait for the person, and get what they came for. Raises SignInFailed."""
        asked = self._asked
        try:
            async with asyncio.timeout(self._patience):
                query = await self._loopback.answer
        except TimeoutError:
            minutes = self._patience / 60
            raise SignInFailed(f"Nobody signed in within {minutes:g} minutes.") from None
        try:
            form, headers = proven(code_form(code_in(query, asked), asked), asked.client)
            answer = await web.post_form(asked.issuer.token_endpoint, form, headers)
            who = host_of(asked.issuer.issuer)
            tokens = tokens_in(answer.status, answer.body, who)
        except SignInFailed as error:
            self._loopback.show("You are not signed in", str(error))
            raise
        self._loopback.show(
            f"You are signed in to {self.name}", "You can close this page and go on."
        )
        bare = Kept(
            resource=asked.resource,
            issuer=asked.issuer.issuer,
            token_endpoint=asked.issuer.token_endpoint,
            client=asked.client,
            access="",
            scopes=asked.scopes,
            revocation_endpoint=asked.issuer.revocation_endpoint,
        )
        return bare.with_tokens(tokens, time.time())

    async def close(self) -> None:
        await self._open.aclose()

    async def _listen(self) -> None:
        try:
            await self._open.enter_async_context(self._loopback)
        except OSError as error:
            raise SignInFailed(
                f"Nowhere on this computer can the browser come back to ({error.strerror})."
            ) from None

    async def _client(
        self, web: Web, found: Found, scopes: tuple[str, ...], earlier: Kept | None
    ) -> Client:
        """Who we are to this authorization server. Raises SignInFailed.

        A registration is made for each sign-in: it names the port of this one, and one that the
        server has forgotten since would show only in the person's browser.
        """
        issuer = found.issuer
        known = client_known(self._settings, issuer)
        if known is not None:
            if earlier is not None and earlier.client.id == known.id:
                _check_same(earlier, issuer.issuer, known)
            return known
        asked = registration(issuer, self._loopback.redirect_uri, scopes)
        answer = await web.post_json(issuer.registration_endpoint, asked)
        if answer.status not in _CREATED:
            raise SignInFailed(
                f"{host_of(issuer.issuer)} does not take us (HTTP {answer.status}). Register there "
                'yourself, and put what you get under "oauth" of the server\'s entry, as '
                '"client_id" and "client_secret".'
            )
        return client_registered(registered_in(answer.body, issuer.issuer), asked, issuer)

    def _is_answer(self, query: str) -> bool:
        try:
            code_in(query, self._asked)
        except NotOurs:
            return False
        except SignInFailed:
            pass  # ours, and ``finish`` says what is wrong with it
        return True


async def resolved(
    transport: Http, environ: Mapping[str, str], keyring: Keyring
) -> tuple[str, OAuth | None]:
    """The address and who we are, with every reference resolved. Raises SignInFailed."""
    settings = transport.oauth
    values = await values_for(transport.texts, environ, keyring)
    if isinstance(values, Fault):
        raise SignInFailed(values.message)
    try:
        url = resolve(transport.url, values)
        if settings is None:
            return url, None
        return url, replace(
            settings,
            client_id=resolve(settings.client_id, values),
            client_secret=resolve(settings.client_secret, values),
        )
    except MissingSecret as error:
        raise SignInFailed(str(error)) from None


def _check_same(earlier: Kept, issuer: str, known: Client) -> None:
    """What the config file says was given by one authorization server goes to no other (MCP
    2026-07-28, client registration). Raises SignInFailed."""
    portable = known.id.startswith("https://")
    if earlier.issuer != issuer and not portable:
        raise SignInFailed(
            f"The server sends you to {host_of(issuer)} now, but the client_id in its entry was "
            f"used at {host_of(earlier.issuer)}. If that is right, sign out first, and check the "
            "entry."
        )


async def revoke(web: Web, kept: Kept) -> None:
    """Tell who gave it that it is not used any more. Raises SignInFailed."""
    form, headers = proven(revocation_form(kept), kept.client)
    answer = await web.post_form(kept.revocation_endpoint, form, headers)
    if answer.status not in _ANSWERED:
        raise SignInFailed(f"{host_of(kept.issuer)} does not take it back (HTTP {answer.status}).")


async def renewed(web: Web, kept: Kept) -> Kept:
    """The same sign-in with new tokens. Raises SignInFailed: Refused where a person is needed."""
    form, headers = proven(refresh_form(kept.refresh, kept.resource), kept.client)
    answer = await web.post_form(kept.token_endpoint, form, headers)
    tokens = tokens_in(answer.status, answer.body, host_of(kept.issuer))
    return kept.with_tokens(tokens, time.time())

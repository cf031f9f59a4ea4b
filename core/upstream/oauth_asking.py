"""The requests of a sign-in and what their answers mean; pure.

Authorization code with PKCE: OAuth 2.1 (draft 13), §4.1, with ``resource`` of RFC 8707 and ``iss``
of RFC 9207, as MCP 2026-07-28, basic/authorization asks. Older revisions ask for less of the same.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import msgspec

from core.errors import SignInFailed
from core.model.config import OAuth
from core.upstream.oauth_kept import Client, Kept, Tokens
from core.upstream.oauth_metadata import Issuer, Registered
from core.upstream.oauth_places import host_of

NAME = "MCP Proxy Tray"
OFFLINE = "offline_access"  # OpenID Connect Core 1.0, §11

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"

_BEARER = re.compile(r"[\x21-\x7e]+")
_ERROR = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,80}")  # RFC 6749, §4.1.2.1; the length is ours
_DENIED = "access_denied"

Form = Mapping[str, str]


class NotOurs(Exception):
    """Something else than the answer to our request arrived where the browser should come back."""


class Refused(SignInFailed):
    """The authorization server said no, and would again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to authorize, as far as its answer is judged by it."""

    issuer: Issuer
    client: Client
    resource: str
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def link(self) -> str:
        """What a person opens in a browser."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "resource": self.resource,
        }
        if self.scopes:
            asked["scope"] = " ".join(self.scopes)
        endpoint = self.issuer.authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def client_known(settings: OAuth | None, issuer: Issuer) -> Client | None:
    """Who we are, if no registration is needed: as the config file says, where a name that is an
    address is a client's own document (CIMD), which an authorization server has to know of."""
    if settings is None or not settings.client_id:
        return None
    is_document = settings.client_id.startswith("https://")
    if is_document and not issuer.client_id_metadata_document_supported:
        return None
    methods = issuer.token_endpoint_auth_methods_supported
    auth = _method(methods) if settings.client_secret else NONE
    return Client(id=settings.client_id, secret=settings.client_secret, auth=auth)


def registration(issuer: Issuer, redirect_uri: str, scopes: tuple[str, ...]) -> dict[str, object]:
    """What we say of ourselves (RFC 7591, §2). Raises SignInFailed where that is not possible."""
    if not issuer.registration_endpoint:
        raise SignInFailed(
            f"{host_of(issuer.issuer)} takes only programs that it knows. Register one there, with "
            "http://127.0.0.1/callback as its redirect address, and put what you get into the "
            'server\'s entry: "oauth": {"client_id": "...", "client_secret": "..."}.'
        )
    methods = issuer.token_endpoint_auth_methods_supported
    asked: dict[str, object] = {
        "client_name": NAME,
        "application_type": "native",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": NONE if NONE in methods else _method(methods),
    }
    if scopes:
        asked["scope"] = " ".join(scopes)
    return asked


def client_registered(answer: Registered, asked: Mapping[str, object], issuer: Issuer) -> Client:
    """Who we are from now on. Raises SignInFailed."""
    auth = answer.token_endpoint_auth_method or str(asked["token_endpoint_auth_method"])
    if answer.client_secret and not answer.token_endpoint_auth_method:
        auth = _method(issuer.token_endpoint_auth_methods_supported)
    if auth not in (BASIC, POST, NONE):
        raise SignInFailed(
            f"{host_of(issuer.issuer)} wants us to prove who we are by {auth[:40]!r}, which this "
            "version cannot."
        )
    return Client(id=answer.client_id, secret=answer.client_secret, auth=auth)


def scopes_wanted(
    settings: OAuth | None,
    challenged: tuple[str, ...],
    supported: tuple[str, ...],
    earlier: tuple[str, ...],
    issuer: Issuer,
) -> tuple[str, ...]:
    """What to ask for: all that was asked for before, with what the server wants now or, where it
    does not say, what the config file or the server's description names."""
    configured = settings.scopes if settings is not None else ()
    wanted = (*earlier, *configured, *challenged) or supported
    if wanted and OFFLINE in issuer.scopes_supported:
        wanted = (*wanted, OFFLINE)
    return tuple(dict.fromkeys(wanted))


def code_in(query: str, asked: Asked) -> str:
    """The code that the browser brought. Raises NotOurs, SignInFailed, Refused.

    The order matters: nothing is believed of an answer without our ``state``, and nothing is shown
    of one from another issuer (RFC 9207, §2.4, by plain comparison).
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    brought = dict(pairs)
    if len(brought) != len(pairs) or brought.get("state") != asked.state:
        raise NotOurs
    issuer, who = asked.issuer, host_of(asked.issuer.issuer)
    said = brought.get("iss")
    if said is None and issuer.authorization_response_iss_parameter_supported:
        raise SignInFailed(f"The answer does not say that it is from {who}, so it is not used.")
    if said is not None and said != issuer.issuer:
        raise SignInFailed(f"The answer is from somebody else than {who}, so it is not used.")
    if "error" in brought:
        raise Refused(_why(who, brought["error"]))
    if not brought.get("code"):
        raise SignInFailed(f"{who} sent the browser back without what was asked for.")
    return brought["code"]


def code_form(code: str, asked: Asked) -> dict[str, str]:
    """To get tokens for a code."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.redirect_uri,
        "code_verifier": asked.verifier,
        "resource": asked.resource,
    }


def refresh_form(refresh: str, resource: str) -> dict[str, str]:
    """To get new tokens."""
    return {"grant_type": "refresh_token", "refresh_token": refresh, "resource": resource}


def revocation_form(kept: Kept) -> dict[str, str]:
    """To make what was given worth nothing (RFC 7009, §2.1); what renews ends the rest too."""
    if kept.refresh:
        return {"token": kept.refresh, "token_type_hint": "refresh_token"}
    return {"token": kept.access, "token_type_hint": "access_token"}


def proven(form: Form, client: Client) -> tuple[Form, dict[str, str]]:
    """The form and headers with which a client says who it is (RFC 6749, §2.3.1).

    The form names it in every case: the official Python SDK's servers look for it there.
    """
    named = {**form, "client_id": client.id}
    if client.auth == BASIC:
        login = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
        return named, {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    if client.auth == POST:
        named["client_secret"] = client.secret
    return named, {}


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str
    refresh_token: str | None = None
    expires_in: float | str | None = None


class _Error(msgspec.Struct):
    error: str


def tokens_in(status: int, body: bytes, who: str) -> Tokens:
    """What the token endpoint gave. Raises Refused, SignInFailed; no token is ever in the words."""
    if 400 <= status < 500 and status != 429:
        try:
            said = msgspec.json.decode(body, type=_Error).error
        except msgspec.DecodeError:
            said = f"HTTP {status}"
        raise Refused(_why(who, said))
    if status != 200:
        raise SignInFailed(f"{who} failed to answer (HTTP {status}). Try again later.")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        raise SignInFailed(f"{who} answered with something that is no token.") from None
    if answer.token_type.lower() != "bearer" or not _BEARER.fullmatch(answer.access_token):
        raise SignInFailed(f"{who} gave a token of a kind that this version cannot use.")
    return Tokens(
        access=answer.access_token,
        refresh=answer.refresh_token or "",
        expires_in=_seconds(answer.expires_in),
    )


def _seconds(value: float | str | None) -> float | None:
    """Some servers write it as a string."""
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if 0 < seconds < 1e9 else None


def _method(supported: tuple[str, ...]) -> str:
    """How to send a secret."""
    return POST if POST in supported and BASIC not in supported else BASIC


def _why(who: str, error: str) -> str:
    if error == _DENIED:
        return f"{who} was told not to let us in."
    shown = error if _ERROR.fullmatch(error) else quote(error[:40])
    return f"{who} refused ({shown})."

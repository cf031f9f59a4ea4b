"""What servers publish about signing in, as values that were checked; pure.

Protected resource metadata is RFC 9728's, authorization server metadata RFC 8414's or OpenID
Connect's, registration RFC 7591's; only the members that are used are read.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from core.errors import SignInFailed
from core.upstream.oauth_places import NotAllowed, Reach, check, covers, host_of

T = TypeVar("T")

MOST_SERVERS = 3  # authorization servers of one resource that are looked at


class Resource(msgspec.Struct, frozen=True):
    """A server's description of itself."""

    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server's description of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    # What is meant by silence (RFC 8414, §2)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    client_id_metadata_document_supported: bool = False


class Registered(msgspec.Struct, frozen=True):
    """What an authorization server answers who registers."""

    client_id: str
    client_secret: str = ""
    token_endpoint_auth_method: str = ""


def resource_in(body: bytes, url: str) -> Resource:
    """The description of the server at ``url``. Raises SignInFailed."""
    described = _read(body, Resource, f"What {host_of(url)} says about signing in")
    if not covers(described.resource, url):
        raise SignInFailed(
            f"What {host_of(url)} says about signing in is about {described.resource[:200]!r}, "
            "which is another server. It is not used."
        )
    return described


def issuer_in(body: bytes, issuer: str, reach: Reach) -> Issuer:
    """The description of an authorization server, fit to be used. Raises SignInFailed."""
    who = host_of(issuer)
    described = _read(body, Issuer, f"What {who} says about itself")
    if described.issuer != issuer:
        raise SignInFailed(
            f"What should describe {issuer!r} describes {described.issuer[:200]!r}. It is not used."
        )
    if "S256" not in described.code_challenge_methods_supported:
        raise SignInFailed(
            f"{who} does not protect sign-ins as MCP requires (PKCE with S256), so it is not used. "
            "Tell whoever runs it."
        )
    for endpoint in (
        described.authorization_endpoint,
        described.token_endpoint,
        described.registration_endpoint,
        described.revocation_endpoint,
    ):
        try:
            check(endpoint or issuer, reach)
        except NotAllowed as error:
            raise SignInFailed(f"{who} names {endpoint[:200]!r}, which {error}.") from None
    return described


def registered_in(body: bytes, issuer: str) -> Registered:
    """What came of a registration. Raises SignInFailed."""
    answer = _read(body, Registered, f"The answer of {host_of(issuer)} to our registration")
    if not answer.client_id:
        raise SignInFailed(f"{host_of(issuer)} registered us without giving us a name.")
    return answer


def _read(body: bytes, kind: type[T], what: str) -> T:
    try:
        members = msgspec.json.decode(body, type=dict[str, object])
        # Some servers write null for what they leave out.
        return msgspec.convert({k: v for k, v in members.items() if v is not None}, kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SignInFailed(f"{what} cannot be read: {error}.") from None

"""What is kept of a sign-in, as one text per server, and how long it is good; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from core.upstream.oauth_places import covers

EARLY = 60.0  # seconds before its end a token is renewed, or
EARLY_SHARE = 0.1  # that part of its life, if that is less


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are to one authorization server; ``auth`` is a method of RFC 7591, §2."""

    id: str
    secret: str = field(default="", repr=False)
    auth: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an authorization server gave; ``expires_in`` is seconds, None if it did not say."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    expires_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One sign-in to one server. ``expires_at`` is seconds since 1970, UTC; None: not known.

    ``resource`` is what the token is for and ``issuer`` who gave it: it goes to no other server,
    and the means to renew it to no other issuer. ``scopes`` are all that were ever asked for.
    """

    resource: str
    issuer: str
    token_endpoint: str
    client: Client
    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    expires_at: float | None = None
    lifetime: float | None = None  # seconds
    scopes: tuple[str, ...] = ()
    revocation_endpoint: str = ""

    def with_tokens(self, tokens: Tokens, now: float) -> Kept:
        """The same with new tokens; a server that renews without a new refresh token means the
        old one (RFC 6749, §6)."""
        return replace(
            self,
            access=tokens.access,
            refresh=tokens.refresh or self.refresh,
            expires_at=None if tokens.expires_in is None else now + tokens.expires_in,
            lifetime=tokens.expires_in,
        )

    def renew_in(self, now: float) -> float | None:
        """Seconds until it should be renewed, 0 if that is now; None if that is not known."""
        if self.expires_at is None or not self.refresh:
            return None
        early = EARLY if self.lifetime is None else min(EARLY, self.lifetime * EARLY_SHARE)
        return max(0.0, self.expires_at - early - now)


def text_of(kept: Kept) -> str:
    """As it is put away."""
    return msgspec.json.encode(kept).decode()


def kept_in(text: str | None, url: str) -> Kept | None:
    """What was put away, if it is for the server at that address and of a version we know."""
    if text is None:
        return None
    try:
        kept = msgspec.json.decode(text, type=Kept)
    except msgspec.DecodeError:
        return None
    return kept if covers(kept.resource, url) else None

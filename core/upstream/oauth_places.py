"""Which addresses have to do with a sign-in, and which of them are asked at all; pure.

Addresses come from servers, so each is checked before it is asked: https, unless the server is on
this computer itself, and nothing that lies further inside than the server does. A server on the
internet cannot make us ask what only this computer or its network can reach.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from core.upstream.http_route import DEFAULT_PORTS, is_loopback

LONGEST_URL = 2048

_RESOURCE = "/.well-known/oauth-protected-resource"  # RFC 9728, §3
_OAUTH = "/.well-known/oauth-authorization-server"  # RFC 8414, §3
_OPENID = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, §4


class Reach(IntEnum):
    """How far inside an address lies; each reaches what comes before it as well."""

    PUBLIC = 0
    PRIVATE = 1
    LOCAL = 2  # this computer
    NOWHERE = 3  # what is no host: link-local, multicast, reserved


class NotAllowed(ValueError):
    """An address is not asked; ``str()`` says why, in words that follow it."""


def lies(address: str) -> Reach:
    """How far inside an IP address lies."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return Reach.LOCAL
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return Reach.NOWHERE
    return Reach.PUBLIC if ip.is_global else Reach.PRIVATE


def outermost(addresses: Iterable[str]) -> Reach:
    """How far inside a host lies: a name that is also public may be anybody's."""
    return min(map(lies, addresses), default=Reach.PUBLIC)


def check(url: str, reach: Reach) -> str:
    """The address, if it may be asked or shown to a browser. Raises NotAllowed."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise NotAllowed("is no web address") from None
    if len(url) > LONGEST_URL or not all("!" <= each <= "~" for each in url) or not host:
        raise NotAllowed("is no web address")
    if parts.username is not None or parts.fragment:
        raise NotAllowed("has a login or a fragment in it")
    if parts.scheme == "http" and is_loopback(host) and reach is Reach.LOCAL:
        return url
    if parts.scheme != "https":
        raise NotAllowed("does not begin with https://")
    return url


def canonical(url: str) -> str:
    """A server's address as its identifier (RFC 8707, §2): no login, query or fragment."""
    parts = urlsplit(url)
    path = "" if parts.path == "/" else parts.path
    return urlunsplit((parts.scheme.lower(), _authority(parts), path, "", ""))


def covers(resource: str, url: str) -> bool:
    """Whether the identifier is the server's or one above it on the same origin."""
    try:
        above, below = urlsplit(canonical(resource)), urlsplit(canonical(url))
    except ValueError:
        return False
    if (above.scheme, above.netloc) != (below.scheme, below.netloc) or urlsplit(resource).query:
        return False
    path = above.path.rstrip("/")
    return below.path.rstrip("/") == path or below.path.startswith(f"{path}/")


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{_authority(parts)}"


def host_of(url: str) -> str:
    """What to call it in a sentence."""
    return urlsplit(url).hostname or url


def describing_resource(url: str) -> tuple[str, ...]:
    """Where a server may describe itself: for its path first, then for its whole origin."""
    path = urlsplit(canonical(url)).path.rstrip("/")
    root = origin(url) + _RESOURCE
    return (root + path, root) if path else (root,)


def describing_issuer(issuer: str) -> tuple[str, ...]:
    """Where an authorization server may describe itself, in the order MCP 2026-07-28 gives."""
    base, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    if not path:
        return (base + _OAUTH, base + _OPENID)
    return (base + _OAUTH + path, base + _OPENID + path, base + path + _OPENID)


def _authority(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    return host if port in (None, DEFAULT_PORTS.get(parts.scheme.lower())) else f"{host}:{port}"

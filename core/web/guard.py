"""Who may ask: Host, Origin and key, checked before anything else happens; fails closed.

The program can start processes, so a page in the user's browser must not reach it. After a DNS
rebinding a page *is* same-origin and sends no Origin, hence the exact Host check comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from hmac import compare_digest

from core.model.config import Config
from core.ports import Door
from core.web.asgi import Header, Scope

MIB = 1024 * 1024


class Need(Enum):
    """What a path asks of its caller, beyond the right address."""

    NOTHING = "nothing"
    KEY = "key"
    MCP = "mcp"  # the key, if ``require_mcp_auth`` says so


LARGEST_BODY = {Need.NOTHING: 4 * MIB, Need.KEY: 4 * MIB, Need.MCP: 16 * MIB}
"""In bytes. A longer Content-Length is refused before the body is read."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further, as a status and two names for it."""

    status: int
    code: str
    message: str
    headers: tuple[Header, ...] = ((b"connection", b"close"),)


@dataclass(frozen=True, slots=True)
class Address:
    """One local address that connections come in on, and what is right for them."""

    hosts: frozenset[bytes]
    origins: frozenset[bytes]
    loopback: bool

    @classmethod
    def of(cls, ip: str, port: int) -> Address:
        """Loopback names with our port, and the address itself if the user listens elsewhere.

        An address written out cannot have been rebound; a name other than ``localhost`` could.
        """
        loopback = ip == "::1" or ip.startswith("127.")
        names = ["localhost", "127.0.0.1", "[::1]", f"[{ip}]" if ":" in ip else ip]
        hosts = {f"{name}:{port}".encode() for name in names}
        if port == 80:
            hosts |= {name.encode() for name in names}
        return cls(frozenset(hosts), frozenset(b"http://" + host for host in hosts), loopback)


_WATCHED = frozenset(
    {b"host", b"origin", b"sec-fetch-site", b"x-api-key", b"authorization", b"content-length"}
)
_OWN_SITE = frozenset({b"none", b"same-origin"})
_MOST_ADDRESSES = 64

NOT_HERE = Refusal(
    403,
    "host_not_allowed",
    "The Host header is not an address of this program. Use http://127.0.0.1 or "
    "http://localhost with the port from the config file's listen.",
)
CROSS_SITE = Refusal(
    403,
    "origin_not_allowed",
    "Requests from web pages of another origin are refused. Call from a program instead.",
)
WRONG_KEY = Refusal(
    401,
    "api_key_required",
    "Send the api_key from the config file as X-API-Key or as Authorization: Bearer.",
    # RFC 9110 §15.5.2: a 401 names a scheme.
    ((b"connection", b"close"), (b"www-authenticate", b"Bearer")),
)
NO_CONFIG = Refusal(503, "starting", "MCP Proxy Tray is starting. Try again in a moment.")


class Guard:
    """Judges requests by the configuration that is active at that moment."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._config: Config | None = None
        self._key = b""
        self._addresses: dict[tuple[str, int], Address] = {}

    def judge(self, scope: Scope, need: Need) -> Refusal | None:
        """None if the request may go on.

        A unix socket is reached by the same user only, who needs neither key nor name.
        """
        server = scope["server"]
        if server is not None and server[1] is None:
            return _too_large(scope["headers"], need)
        config = self._door.snapshot.config
        if config is not self._config:
            self._config = config
            self._key = config.api_key.encode()
        address = self._addresses.get(server) or self._learn(server)
        host: bytes | None = None
        wrong_host = foreign = authentic = False
        length = b""
        for name, value in scope["headers"]:
            if name not in _WATCHED:
                continue
            if name == b"host":
                wrong_host = wrong_host or host is not None
                host = value
            elif name == b"content-length":
                length = value
            elif name == b"origin":
                foreign = foreign or value not in address.origins
            elif name == b"sec-fetch-site":
                foreign = foreign or value not in _OWN_SITE
            elif name == b"x-api-key":
                authentic = authentic or compare_digest(value, self._key)
            elif value[:7].lower() == b"bearer ":
                authentic = authentic or compare_digest(value[7:].strip(), self._key)
        if wrong_host or host is None:
            return NOT_HERE
        if host not in address.hosts and host.lower() not in address.hosts:
            return NOT_HERE
        if foreign:
            return CROSS_SITE
        if need is not Need.NOTHING:
            if config.revision == 0:
                return NO_CONFIG
            if need is Need.KEY or config.require_mcp_auth or not address.loopback:
                # An empty key means "no key", which only loopback may have.
                keyless = not self._key and address.loopback
                if not keyless and not (authentic and self._key):
                    return WRONG_KEY
        if length:
            return _longer(length, need)
        return None

    def _learn(self, server: tuple[str, int] | None) -> Address:
        if server is None:  # the connection was gone before its address could be read
            return Address(frozenset(), frozenset(), loopback=False)
        if len(self._addresses) >= _MOST_ADDRESSES:
            self._addresses.clear()
        address = self._addresses[server] = Address.of(*server)
        return address


def _too_large(headers: Iterable[Header], need: Need) -> Refusal | None:
    for name, value in headers:
        if name == b"content-length":
            return _longer(value, need)
    return None


def _longer(length: bytes, need: Need) -> Refusal | None:
    # The HTTP parser has let through decimal digits only.
    most = LARGEST_BODY[need]
    if len(length) <= 12 and int(length) <= most:
        return None
    return Refusal(413, "body_too_large", f"The request body may be at most {most} bytes.")

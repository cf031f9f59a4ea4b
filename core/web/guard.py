"""Who may ask: Host, Origin and key, checked before anything else happens; fails closed.

The program can start processes, so a page in the user's browser must not reach it. After a DNS
rebinding a page *is* same-origin and sends no Origin, hence the exact Host check comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from core.asgi import Header, Scope
from core.model.config import Config
from core.ports import Door
from core.web.visits import Visits, cookie_name

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Need:
    """What a path asks of its caller, beyond the right address.

    A body that says it is longer than ``largest_body`` bytes is refused unread.
    """

    key: bool
    key_if_configured: bool  # only if ``require_mcp_auth`` says so
    largest_body: int
    by_visit: bool = False  # a browser that was let in needs no key


NOTHING = Need(key=False, key_if_configured=False, largest_body=4 * MIB)
KEY = Need(key=True, key_if_configured=False, largest_body=4 * MIB)
VISIT = Need(key=True, key_if_configured=False, largest_body=4 * MIB, by_visit=True)
MCP = Need(key=False, key_if_configured=True, largest_body=16 * MIB)


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


_DECISIVE = frozenset(
    {b"host", b"origin", b"sec-fetch-site", b"x-api-key", b"authorization", b"content-length"}
)
_OWN_SITE = frozenset({None, b"none", b"same-origin"})
_OWN_PAGE = frozenset({None, b"same-origin"})
_READING = frozenset({"GET", "HEAD"})
PROOF = b"x-mcpproxy-visit"
"""The header in which a page of ours proves that it is one; no page elsewhere can send it."""

_MOST_ADDRESSES = 64

AMBIGUOUS = Refusal(
    403, "ambiguous_header", "A header that decides about access was sent more than once."
)
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
BODY_TOO_LARGE = "body_too_large"
REASONS = (
    *(each.code for each in (AMBIGUOUS, NOT_HERE, CROSS_SITE, WRONG_KEY, NO_CONFIG)),
    BODY_TOO_LARGE,
)
"""The codes of all refusals."""


class Guard:
    """Judges requests by the configuration that is active at that moment."""

    def __init__(self, door: Door, visits: Visits) -> None:
        self._door = door
        self._visits = visits
        self._config: Config | None = None
        self._key = b""
        self._addresses: dict[tuple[str, int] | None, Address] = {}

    def judge(self, scope: Scope, need: Need) -> Refusal | None:
        """None if the request may go on.

        A unix socket is reached by the same user only, who needs neither key nor name.
        """
        # Every call of the data plane passes through here.
        sent: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _DECISIVE:
                if name in sent:
                    return AMBIGUOUS
                sent[name] = value
        server = scope["server"]
        if server is None or server[1] is not None:
            refusal = self._judge_tcp(scope, sent, need)
            if refusal is not None:
                return refusal
        length = sent.get(b"content-length")
        # The HTTP parser has let through decimal digits only.
        if length is not None and (len(length) > 12 or int(length) > need.largest_body):
            return Refusal(
                413, BODY_TOO_LARGE, f"The body may have at most {need.largest_body} bytes."
            )
        return None

    def _judge_tcp(self, scope: Scope, sent: dict[bytes, bytes], need: Need) -> Refusal | None:
        server = scope["server"]
        address = self._addresses.get(server) or self._learn(server)
        host = sent.get(b"host")
        if host not in address.hosts and (host is None or host.lower() not in address.hosts):
            return NOT_HERE
        origin = sent.get(b"origin")
        if origin is not None and origin not in address.origins:
            return CROSS_SITE
        if sent.get(b"sec-fetch-site") not in _OWN_SITE:
            return CROSS_SITE
        if need is NOTHING:
            return None
        config = self._door.snapshot.config
        if config.revision == 0:
            return NO_CONFIG
        if need.key or config.require_mcp_auth or not address.loopback:
            if self._authentic(config, sent, address):
                return None
            return None if need.by_visit and self._visits_us(scope, sent) else WRONG_KEY
        return None

    def _authentic(self, config: Config, sent: dict[bytes, bytes], address: Address) -> bool:
        if config is not self._config:
            self._config = config
            self._key = config.api_key.encode()
        if not self._key:
            # An empty key means "no key", which only loopback may have.
            return address.loopback
        if compare_digest(sent.get(b"x-api-key", b""), self._key):
            return True
        scheme, _, token = sent.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and compare_digest(token.strip(), self._key)

    def _visits_us(self, scope: Scope, sent: dict[bytes, bytes]) -> bool:
        """Whether a page of ours asks, in a browser that was let in.

        A cookie alone says little: pages on other ports of this host are the same site to a
        browser, which sends it to them and with what they ask of us.
        """
        origin, host = sent.get(b"origin"), sent[b"host"].lower()
        if not self._key:  # then there is nothing that a visit could stand for
            return False
        if sent.get(b"sec-fetch-site") not in _OWN_PAGE:
            return False
        if scope["method"] not in _READING and origin is None:
            return False
        if origin is not None and origin != b"http://" + host:
            return False
        proofs = [value for name, value in scope["headers"] if name == PROOF]
        wanted = cookie_name(scope["server"][1]).encode()
        cookies = [
            value
            for name, header in scope["headers"]
            if name == b"cookie"
            for label, _, value in (each.strip().partition(b"=") for each in header.split(b";"))
            if label == wanted
        ]
        return len(proofs) == 1 and self._visits.holds(proofs[0], cookies, self._key)

    def _learn(self, server: tuple[str, int] | None) -> Address:
        if server is None:  # the connection was gone before its address could be read
            return Address(frozenset(), frozenset(), loopback=False)
        if len(self._addresses) >= _MOST_ADDRESSES:
            self._addresses.clear()
        address = self._addresses[server] = Address.of(*server)
        return address

"""Who may ask: the table of hosts, origins and keys, judged without a socket."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import Config
from core.model.status import Snapshot
from core.web.guard import KEY, MCP, NOTHING, VISIT, Guard, Need
from core.web.visits import Begun, Visits

OURS = b"k" * 64
CONFIG = Config(revision=1, api_key=OURS.decode())
LOCAL = ("127.0.0.1", 8080)
HOST = (b"host", b"127.0.0.1:8080")
NEEDS = [NOTHING, KEY, VISIT, MCP]


@dataclass
class FixedDoor:
    """Just enough of a door for the guard, which only reads the configuration."""

    snapshot: Snapshot


def verdict(
    *headers: tuple[bytes, bytes],
    need: Need = NOTHING,
    config: Config = CONFIG,
    server: tuple[str, int | None] | None = LOCAL,
    method: str = "GET",
    visits: Visits | None = None,
) -> tuple[int, str] | None:
    guard = Guard(FixedDoor(Snapshot(boot="b", config=config)), visits or Visits())
    scope = {"server": server, "method": method, "headers": list(headers)}
    refusal = guard.judge(scope, need)
    return None if refusal is None else (refusal.status, refusal.code)


@pytest.mark.parametrize("need", NEEDS)
@pytest.mark.parametrize(
    "host",
    [
        b"evil.com",
        b"evil.com:8080",
        b"127.0.0.1.nip.io:8080",
        b"localhost.evil.com:8080",
        b"127.0.0.1:8081",
        b"127.0.0.1",
        b"localhost",
        b"0.0.0.0:8080",
        b"127.1:8080",
        b"127.0.0.2:8080",
        b"2130706433:8080",
        b"[::ffff:127.0.0.1]:8080",
        b"localhost.:8080",
        b" 127.0.0.1:8080",
        b"127.0.0.1:8080 ",
        b"user@127.0.0.1:8080",
        b"127.0.0.1:08080",
        b"",
    ],
)
def test_other_hosts_are_refused(host: bytes, need: Need) -> None:
    """S01: a name that is not exactly ours with our port gets nowhere, key or no key."""
    assert verdict((b"host", host), (b"x-api-key", OURS), need=need) == (403, "host_not_allowed")


def test_a_missing_host_is_refused() -> None:
    """S01: no Host at all is no right Host."""
    assert verdict() == (403, "host_not_allowed")


@given(st.text(string.printable, max_size=30))
def test_no_text_but_the_allowed_names_is_a_host(text: str) -> None:
    """S01: whatever else is sent as Host, the answer is 403."""
    allowed = {"localhost:8080", "127.0.0.1:8080", "[::1]:8080"}
    refused = verdict((b"host", text.encode())) is not None
    assert refused == (text.lower() not in allowed)


@pytest.mark.parametrize(
    "host", [b"localhost:8080", b"127.0.0.1:8080", b"[::1]:8080", b"LOCALHOST:8080"]
)
@pytest.mark.parametrize("server", [LOCAL, ("::1", 8080)])
def test_loopback_names_with_our_port_pass(host: bytes, server: tuple[str, int]) -> None:
    """S02: every loopback name reaches us, in any case, over IPv4 and IPv6."""
    assert verdict((b"host", host), server=server) is None


def test_port_80_may_be_left_out() -> None:
    """Clients leave the default port out of Host."""
    assert verdict((b"host", b"localhost"), server=("127.0.0.1", 80)) is None
    assert verdict((b"host", b"localhost:80"), server=("127.0.0.1", 80)) is None


def test_the_address_itself_is_a_host_when_listening_elsewhere() -> None:
    """A user who listens on the network can name the address, but no host name."""
    server = ("192.168.1.5", 8080)
    assert verdict((b"host", b"192.168.1.5:8080"), server=server) is None
    assert verdict((b"host", b"mybox:8080"), server=server) == (403, "host_not_allowed")


@pytest.mark.parametrize("need", NEEDS)
@pytest.mark.parametrize(
    "origin",
    [
        b"http://evil.com",
        b"null",
        b"",
        b"http://localhost:8080.evil.com",
        b"http://user@localhost:8080",
        b"http://localhost:8080/path",
        b"http://localhost:8081",
        b"http://localhost",
        b"https://localhost:8080",
        b"ftp://localhost:8080",
        b"http://[::1]garbage",
        b"http://localhost:8080, http://localhost:8080",
    ],
)
def test_other_origins_are_refused(origin: bytes, need: Need) -> None:
    """S03: a page of any other origin gets nowhere, key or no key."""
    key = (b"x-api-key", OURS)
    assert verdict(HOST, key, (b"origin", origin), need=need) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    "origin", [b"http://localhost:8080", b"http://127.0.0.1:8080", b"http://[::1]:8080"]
)
def test_our_own_origin_passes(origin: bytes) -> None:
    """S03: our own pages may call us."""
    assert verdict(HOST, (b"origin", origin)) is None


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"", b"new-kind"])
def test_cross_site_fetches_are_refused(site: bytes) -> None:
    """What a browser marks as started elsewhere, or in a way unknown to us, is refused."""
    assert verdict(HOST, (b"sec-fetch-site", site)) == (403, "origin_not_allowed")


@pytest.mark.parametrize("site", [b"none", b"same-origin"])
def test_own_and_typed_fetches_pass(site: bytes) -> None:
    """A typed address and our own pages are no attack."""
    assert verdict(HOST, (b"sec-fetch-site", site)) is None


@pytest.mark.parametrize(
    "name",
    [b"host", b"origin", b"sec-fetch-site", b"x-api-key", b"authorization", b"content-length"],
)
def test_a_decisive_header_sent_twice_is_refused(name: bytes) -> None:
    """S01, S03: no two readers may disagree about which of two values counts."""
    twice = [(name, b"127.0.0.1:8080"), (name, b"127.0.0.1:8080")]
    others = [] if name == b"host" else [HOST]
    assert verdict(*others, *twice) == (403, "ambiguous_header")


def test_other_headers_may_repeat() -> None:
    """Repeating Accept is ordinary HTTP."""
    assert verdict(HOST, (b"accept", b"a"), (b"accept", b"b")) is None


RIGHT_KEYS = [
    (b"x-api-key", OURS),
    (b"authorization", b"Bearer " + OURS),
    (b"authorization", b"bearer  " + OURS),
]
WRONG_KEYS = [
    (b"x-api-key", b""),
    (b"x-api-key", OURS[:-1]),
    (b"x-api-key", OURS + b"\0"),
    (b"x-api-key", OURS.upper()),
    (b"x-api-key", "ключ".encode()),
    (b"authorization", OURS),
    (b"authorization", b"Basic " + OURS),
    (b"authorization", b"Bearer"),
    (b"authorization", b""),
    (b"cookie", b"x-api-key=" + OURS),
]


@pytest.mark.parametrize("key", RIGHT_KEYS)
def test_the_right_key_opens(key: tuple[bytes, bytes]) -> None:
    """Both ways to send the key work."""
    assert verdict(HOST, key, need=KEY) is None


@pytest.mark.parametrize("key", WRONG_KEYS)
def test_a_wrong_key_does_not_open(key: tuple[bytes, bytes]) -> None:
    """S06: anything but the key is 401."""
    assert verdict(HOST, key, need=KEY) == (401, "api_key_required")


def test_no_key_does_not_open_but_where_none_is_needed() -> None:
    """S06: without a key only the open paths, and /mcp as configured by default, answer."""
    assert verdict(HOST, need=KEY) == (401, "api_key_required")
    assert verdict(HOST, need=MCP) is None
    assert verdict(HOST, need=NOTHING) is None


def test_mcp_needs_the_key_when_configured() -> None:
    """require_mcp_auth puts /mcp behind the key."""
    strict = replace(CONFIG, require_mcp_auth=True)
    assert verdict(HOST, need=MCP, config=strict) == (401, "api_key_required")
    assert verdict(HOST, (b"x-api-key", OURS), need=MCP, config=strict) is None


def test_an_empty_key_turns_the_key_off_on_loopback_only() -> None:
    """No key is a choice for one's own machine; from the network it opens nothing."""
    keyless = replace(CONFIG, api_key="")
    network = ("192.168.1.5", 8080)
    there = (b"host", b"192.168.1.5:8080")
    assert verdict(HOST, need=KEY, config=keyless) is None
    for need in (KEY, VISIT, MCP):
        for sent in ((), ((b"x-api-key", b""),), ((b"authorization", b"Bearer "),)):
            refused = verdict(there, *sent, need=need, config=keyless, server=network)
            assert refused == (401, "api_key_required")


def test_mcp_from_the_network_always_needs_the_key() -> None:
    """Even if require_mcp_auth was forgotten."""
    there = (b"host", b"192.168.1.5:8080")
    assert verdict(there, need=MCP, server=("192.168.1.5", 8080)) == (401, "api_key_required")


def test_before_a_configuration_is_known_nothing_opens() -> None:
    """Fails closed: an unknown key is not an absent one."""
    for need in (KEY, MCP):
        assert verdict(HOST, need=need, config=Config()) == (503, "starting")
    assert verdict(HOST, need=NOTHING, config=Config()) is None


def test_a_changed_key_counts_at_once() -> None:
    """The old key is worth nothing from the moment the new configuration is active."""
    door = FixedDoor(Snapshot(boot="b", config=CONFIG))
    guard = Guard(door, Visits())
    scope = {"server": LOCAL, "headers": [HOST, (b"x-api-key", OURS)]}
    assert guard.judge(scope, KEY) is None
    door.snapshot = Snapshot(boot="b", config=replace(CONFIG, revision=2, api_key="new"))
    refusal = guard.judge(scope, KEY)
    assert refusal is not None
    assert refusal.status == 401


def test_a_unix_socket_needs_neither_name_nor_key() -> None:
    """Only the same user reaches it."""
    strict = replace(CONFIG, require_mcp_auth=True)
    for need in NEEDS:
        assert verdict(need=need, config=strict, server=("/x/api.sock", None)) is None


def test_an_unknown_local_address_is_refused() -> None:
    """A connection that cannot be told to be local is treated as foreign."""
    assert verdict(HOST, server=None) == (403, "host_not_allowed")


@pytest.mark.parametrize("need", NEEDS)
@pytest.mark.parametrize("server", [LOCAL, ("/x/api.sock", None)])
def test_a_body_announced_too_large_is_refused_unread(
    need: Need, server: tuple[str, int | None]
) -> None:
    """F71: the limit comes before any reading, on every kind of socket."""
    fits = (b"content-length", b"%d" % need.largest_body)
    long = (b"content-length", b"%d" % (need.largest_body + 1))
    absurd = (b"content-length", b"9" * 5000)
    key = (b"x-api-key", OURS)
    assert verdict(HOST, key, fits, need=need, server=server) is None
    for length in (long, absurd):
        assert verdict(HOST, key, length, need=need, server=server) == (413, "body_too_large")


def test_the_key_is_judged_before_the_size() -> None:
    """A stranger learns nothing about limits."""
    long = (b"content-length", b"9" * 12)
    assert verdict(HOST, long, need=KEY) == (401, "api_key_required")


def test_addresses_seen_are_bounded() -> None:
    """Many local addresses, as IPv6 hosts may have, do not gather in memory."""
    guard = Guard(FixedDoor(Snapshot(boot="b", config=CONFIG)), Visits())
    for port in range(1, 500):
        host = (b"host", b"localhost:%d" % port)
        assert guard.judge({"server": ("127.0.0.1", port), "headers": [host]}, NOTHING) is None
    assert len(guard._addresses) <= 64


# --- a browser that was let in --------------------------------------------------------------------


def let_in(key: str = CONFIG.api_key) -> tuple[Visits, Begun]:
    visits = Visits()
    begun = visits.begin(visits.code(None), None, key)
    assert begun is not None
    return visits, begun


VISITS, BEGUN = let_in()
COOKIE = (b"cookie", f"mcpproxy_8080={BEGUN.cookie}".encode())
PROOF = (b"x-mcpproxy-visit", BEGUN.proof.encode())
ORIGIN = (b"origin", b"http://127.0.0.1:8080")
SAME = (b"sec-fetch-site", b"same-origin")
CHANGING = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("more", [(), (SAME,), (ORIGIN,), (ORIGIN, SAME)])
def test_a_page_of_ours_may_read(method: str, more: tuple[tuple[bytes, bytes], ...]) -> None:
    """Cookie and proof together are as good as the key; browsers send no Origin on such a GET."""
    sent = (HOST, COOKIE, PROOF, *more)
    assert verdict(*sent, need=VISIT, method=method, visits=VISITS) is None


@pytest.mark.parametrize("method", CHANGING)
def test_a_page_of_ours_changes_things_under_its_origin_only(method: str) -> None:
    """Whatever is no reading needs the very origin, which browsers always send with it."""
    sent = (HOST, COOKIE, PROOF)
    opened = verdict(*sent, ORIGIN, SAME, need=VISIT, method=method, visits=VISITS)
    assert opened is None
    for more in ((), (SAME,)):
        refused = verdict(*sent, *more, need=VISIT, method=method, visits=VISITS)
        assert refused == (401, "api_key_required")


@pytest.mark.parametrize("method", ["GET", *CHANGING])
@pytest.mark.parametrize(
    "origin", [b"http://localhost:8080", b"http://[::1]:8080", b"http://127.0.0.1:9999", b"null"]
)
def test_another_name_of_ours_is_another_origin(method: str, origin: bytes) -> None:
    """A page under another loopback name, or another port, has no part in a visit."""
    sent = (HOST, COOKIE, PROOF, (b"origin", origin))
    assert verdict(*sent, need=VISIT, method=method, visits=VISITS) is not None


@pytest.mark.parametrize("site", [b"none", b"same-site", b"cross-site", b""])
def test_what_is_no_fetch_of_our_page_is_no_visit(site: bytes) -> None:
    """An address that is typed, and other ports of the host, which are the same site."""
    sent = (HOST, COOKIE, PROOF, (b"sec-fetch-site", site))
    assert verdict(*sent, need=VISIT, visits=VISITS) is not None


@pytest.mark.parametrize(
    "sent",
    [
        (COOKIE,),
        (PROOF,),
        (COOKIE, (b"x-mcpproxy-visit", BEGUN.cookie.encode())),
        ((b"cookie", f"mcpproxy_8080={BEGUN.proof}".encode()), PROOF),
        ((b"cookie", f"mcpproxy_8081={BEGUN.cookie}".encode()), PROOF),
        ((b"cookie", f"MCPPROXY_8080={BEGUN.cookie}".encode()), PROOF),
        ((b"cookie", f"mcpproxy_8080={BEGUN.cookie}x".encode()), PROOF),
        ((b"cookie", b"mcpproxy_8080="), PROOF),
        ((b"cookie", b"mcpproxy_8080"), PROOF),
        (COOKIE, (b"x-mcpproxy-visit", b"")),
        (COOKIE, PROOF, PROOF),
        (COOKIE, PROOF, (b"x-mcpproxy-visit", b"other")),
        ((b"cookie", f"x=mcpproxy_8080={BEGUN.cookie}".encode()), PROOF),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_half_a_visit_is_none(sent: tuple[tuple[bytes, bytes], ...], method: str) -> None:
    """The cookie goes to every port of the host, so by itself it opens nothing; nor does the rest.

    S06: a wrong one is told as a missing key is.
    """
    refused = verdict(HOST, ORIGIN, *sent, need=VISIT, method=method, visits=VISITS)
    assert refused == (401, "api_key_required")


def test_other_cookies_do_not_disturb() -> None:
    """Pages on other ports may set any, even one of our name."""
    crowd = f"a=b; mcpproxy_8080=planted; mcpproxy_8080={BEGUN.cookie}; c".encode()
    assert verdict(HOST, (b"cookie", crowd), PROOF, need=VISIT, visits=VISITS) is None
    sent = (HOST, (b"cookie", b"a=b"), COOKIE, PROOF)
    assert verdict(*sent, need=VISIT, visits=VISITS) is None


def test_a_visit_is_no_key_where_only_the_key_counts() -> None:
    """Neither for new codes and metrics, nor for AI clients."""
    strict = replace(CONFIG, require_mcp_auth=True)
    sent = (HOST, COOKIE, PROOF, ORIGIN, SAME)
    for need in (KEY, MCP):
        refused = verdict(*sent, need=need, config=strict, method="POST", visits=VISITS)
        assert refused == (401, "api_key_required")


@pytest.mark.parametrize(
    "host", [b"evil.com", b"evil.com:8080", b"127.0.0.1:8081", b"0.0.0.0:8080"]
)
def test_a_visit_does_not_excuse_a_wrong_host(host: bytes) -> None:
    """S01: after a rebinding the browser even sends the cookies of that name, none of ours."""
    sent = ((b"host", host), COOKIE, PROOF, SAME)
    assert verdict(*sent, need=VISIT, visits=VISITS) == (403, "host_not_allowed")


def test_another_key_ends_all_visits() -> None:
    """Whoever changes the key wants everybody out, and without a key there is no visit."""
    sent = (HOST, COOKIE, PROOF)
    other = replace(CONFIG, revision=2, api_key="another")
    assert verdict(*sent, need=VISIT, config=other, visits=VISITS) == (401, "api_key_required")
    network, there = ("192.168.1.5", 8080), (b"host", b"192.168.1.5:8080")
    visits, begun = let_in("")
    halves = (
        (b"cookie", f"mcpproxy_8080={begun.cookie}".encode()),
        (b"x-mcpproxy-visit", begun.proof.encode()),
    )
    keyless = replace(CONFIG, api_key="")
    refused = verdict(there, *halves, need=VISIT, config=keyless, server=network, visits=visits)
    assert refused == (401, "api_key_required")


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_bytes_are_a_visit(cookie: bytes, proof: bytes) -> None:
    """S06: whatever is sent, it is refused and nothing breaks."""
    sent = (HOST, (b"cookie", cookie), (b"x-mcpproxy-visit", proof))
    assert verdict(*sent, need=VISIT, visits=VISITS) == (401, "api_key_required")

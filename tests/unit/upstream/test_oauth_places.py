"""Which addresses a sign-in may ask, and where servers describe themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.oauth_places import (
    NotAllowed,
    Reach,
    canonical,
    check,
    covers,
    describing_issuer,
    describing_resource,
    lies,
    outermost,
)


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        *(("8.8.8.8", Reach.PUBLIC), ("2606:4700::1111", Reach.PUBLIC)),
        *(("10.1.2.3", Reach.PRIVATE), ("192.168.0.1", Reach.PRIVATE), ("fd00::1", Reach.PRIVATE)),
        *(("100.64.0.1", Reach.PRIVATE), ("::ffff:10.0.0.1", Reach.PRIVATE)),
        *(("127.0.0.1", Reach.LOCAL), ("127.9.9.9", Reach.LOCAL), ("::1", Reach.LOCAL)),
        *(("::ffff:127.0.0.1", Reach.LOCAL), ("169.254.169.254", Reach.NOWHERE)),
        *(("fe80::1%eth0", Reach.NOWHERE), ("0.0.0.0", Reach.NOWHERE), ("::", Reach.NOWHERE)),
        *(("224.0.0.1", Reach.NOWHERE), ("255.255.255.255", Reach.NOWHERE)),
    ],
)
def test_how_far_inside_an_address_lies(address: str, reach: Reach) -> None:
    """Also where it is written as another (v4-mapped), and what is no host is nowhere."""
    assert lies(address) is reach


def test_a_name_that_is_also_public_is_public() -> None:
    """A server that names a local address beside its own gains nothing by that."""
    assert outermost(["127.0.0.1", "8.8.8.8"]) is Reach.PUBLIC
    assert outermost(["10.0.0.1", "127.0.0.1"]) is Reach.PRIVATE
    assert outermost(["127.0.0.1", "::1"]) is Reach.LOCAL


@pytest.mark.parametrize("reach", list(Reach)[:3])
@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "gopher://x.example/", "javascript:alert(1)", "//x.example/", ""),
        *("https:///nothing", "https://user:pass@x.example/", "https://x.example/#part"),
        *("http://x.example/", "http://10.0.0.1/", "https://x.example/a b", "https://x\n.example/"),
        *("https://[::1", "https://x.example:99999999/", "https://x.example/" + "a" * 3000),
    ],
)
def test_what_is_never_asked(url: str, reach: Reach) -> None:
    """Other schemes, logins, fragments, plain HTTP to elsewhere, and what is no address at all."""
    with pytest.raises(NotAllowed):
        check(url, reach)


def test_plain_http_is_for_servers_on_this_computer() -> None:
    """And only where the server itself is here."""
    for url in ("http://localhost:9/x", "http://127.0.0.1/x", "http://[::1]:1/"):
        assert check(url, Reach.LOCAL) == url
        with pytest.raises(NotAllowed):
            check(url, Reach.PRIVATE)
    assert check("https://as.example/token?a=b", Reach.PUBLIC) == "https://as.example/token?a=b"


@pytest.mark.parametrize(
    ("url", "identifier"),
    [
        ("https://X.Example:443/mcp?key=secret#part", "https://x.example/mcp"),
        ("HTTPS://x.example/", "https://x.example"),
        ("https://u:p@x.example:8443/a/", "https://x.example:8443/a/"),
        ("http://[::1]:80/mcp", "http://[::1]/mcp"),
    ],
)
def test_a_server_is_known_by_one_identifier(url: str, identifier: str) -> None:
    """Without what is secret or says nothing (RFC 8707, §2)."""
    assert canonical(url) == identifier


@pytest.mark.parametrize(
    ("resource", "url", "covered"),
    [
        ("https://x.example/mcp", "https://x.example/mcp", True),
        ("https://x.example", "https://x.example/mcp", True),
        ("https://x.example/", "https://x.example/mcp", True),
        ("https://X.example:443/a", "https://x.example/a/b", True),
        ("https://x.example/mc", "https://x.example/mcp", False),
        ("https://x.example/mcp/b", "https://x.example/mcp", False),
        ("https://y.example/mcp", "https://x.example/mcp", False),
        ("http://x.example/mcp", "https://x.example/mcp", False),
        ("https://x.example:444/mcp", "https://x.example/mcp", False),
        ("https://x.example/mcp?t=other", "https://x.example/mcp", False),
        ("https://[broken", "https://x.example/mcp", False),
    ],
)
def test_a_description_is_for_its_server_only(resource: str, url: str, covered: bool) -> None:
    """The same origin, and the same path or one above it (RFC 9728, §3.3)."""
    assert covers(resource, url) is covered


def test_where_descriptions_stand() -> None:
    """Path insertion and appending in the order of MCP 2026-07-28."""
    resource = ".well-known/oauth-protected-resource"
    oauth = ".well-known/oauth-authorization-server"
    openid = ".well-known/openid-configuration"
    assert describing_resource("https://x.example/a/mcp?k=v") == (
        f"https://x.example/{resource}/a/mcp",
        f"https://x.example/{resource}",
    )
    assert describing_resource("https://x.example/") == (f"https://x.example/{resource}",)
    assert describing_issuer("https://as.example/") == (
        f"https://as.example/{oauth}",
        f"https://as.example/{openid}",
    )
    assert describing_issuer("https://as.example:8443/t/1") == (
        f"https://as.example:8443/{oauth}/t/1",
        f"https://as.example:8443/{openid}/t/1",
        f"https://as.example:8443/t/1/{openid}",
    )


@given(st.text(max_size=60), st.sampled_from(Reach))
def test_any_text_is_judged(url: str, reach: Reach) -> None:
    """Nothing but a refusal comes of what a server makes up."""
    for prefix in ("", "https://", "http://127.0.0.1"):
        try:
            assert check(prefix + url, reach).startswith(("https://", "http://"))
        except NotAllowed:
            continue

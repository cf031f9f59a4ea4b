"""From an entry's url and the proxy variables to where a request goes."""

from __future__ import annotations

import pytest

from core.upstream.http_route import UnusableProxy, UnusableUrl, login_of, route_to

PROXY = {"HTTPS_PROXY": "http://u%40x:p@proxy:3128", "http_proxy": "proxy2"}


@pytest.mark.parametrize(
    ("url", "target", "authority", "path"),
    [
        ("http://a.example", ("a.example", 80), "a.example", "/"),
        ("https://A.example/mcp?x=1#f", ("a.example", 443), "a.example", "/mcp?x=1"),
        ("http://a.example:8080/x", ("a.example", 8080), "a.example:8080", "/x"),
        ("http://[::1]:9/x", ("::1", 9), "[::1]:9", "/x"),
        ("http://bücher.example/x", ("xn--bcher-kva.example", 80), "xn--bcher-kva.example", "/x"),
    ],
)
def test_where_a_url_leads(url: str, target: tuple[str, int], authority: str, path: str) -> None:
    """Host, port and what to ask for there."""
    route, asked = route_to(url, {})
    assert (route.target, route.authority, asked) == (target, authority, path)
    assert route.proxy is None


@pytest.mark.parametrize(
    "url", ["", "mcp", "ftp://a/x", "http://", "http://a:99999/", "http://[::1/", "http://a/b c"]
)
def test_what_leads_nowhere_is_said_so(url: str) -> None:
    """With the address in the words."""
    with pytest.raises(UnusableUrl):
        route_to(url, {})


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxy"),
    [
        ("https://a.example/", "", ("proxy", 3128)),
        ("http://a.example/", "", ("proxy2", 8080)),
        ("http://localhost/", "", None),
        ("http://127.8.8.8/", "", None),
        ("http://[::1]/", "", None),
        ("https://a.example/", "*", None),
        ("https://a.example/", "b.example, .example", None),
        ("https://a.example/", "a.example", None),
        ("https://xa.example/", "a.example", ("proxy", 3128)),
        ("https://10.1.2.3/", "10.0.0.0/8", None),
        ("https://11.1.2.3/", "10.0.0.0/8", ("proxy", 3128)),
    ],
)
def test_which_proxy_is_used(url: str, no_proxy: str, proxy: tuple[str, int] | None) -> None:
    """The one for the scheme, unless the host is this computer or an exception."""
    route, _ = route_to(url, {**PROXY, "NO_PROXY": no_proxy})
    assert route.proxy == proxy
    assert route.proxy_login == ("u@x:p" if proxy == ("proxy", 3128) else "")
    assert "u@x" not in repr(route)


@pytest.mark.parametrize("named", ["socks5://x:1", "http://:1", "http://x:port", "https://x:1"])
def test_a_proxy_that_is_none_is_named(named: str) -> None:
    """By the variable and not by its value, which may hold a password."""
    with pytest.raises(UnusableProxy, match="HTTPS_PROXY") as caught:
        route_to("https://a.example/", {"ALL_PROXY": named})
    assert named not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://a.example/new?q=1", "/new?q=1"),
        ("http://a.example:80/", "/"),
        ("http://A.EXAMPLE/x y", "/x%20y"),
        ("https://a.example/", None),
        ("http://a.example:81/", None),
        ("http://a.example@b.example/", None),
        ("http://a.example.b.example/", None),
        ("http://a.example:x/", None),
        ("file:///etc/passwd", None),
    ],
)
def test_what_is_of_the_same_origin(url: str, path: str | None) -> None:
    """Scheme, host and port are the same, or it is another place."""
    assert route_to("http://a.example/mcp", {})[0].path_of(url) == path


def test_a_login_in_the_address() -> None:
    """Is unescaped."""
    assert login_of("http://u:p%40@a.example/") == "u:p@"
    assert login_of("http://a.example/") == ""

"""What is asked in a sign-in, and which answers are believed."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SignInFailed
from core.model.config import OAuth
from core.upstream.oauth_asking import (
    Asked,
    NotOurs,
    Refused,
    client_known,
    client_registered,
    code_form,
    code_in,
    proven,
    refresh_form,
    registration,
    scopes_wanted,
    tokens_in,
)
from core.upstream.oauth_kept import Client
from core.upstream.oauth_metadata import Issuer, Registered, issuer_in, resource_in
from core.upstream.oauth_places import Reach

ISSUER = Issuer(
    issuer="https://as.example",
    authorization_endpoint="https://as.example/authorize",
    token_endpoint="https://as.example/token",
    registration_endpoint="https://as.example/register",
    code_challenge_methods_supported=("S256",),
    token_endpoint_auth_methods_supported=("none",),
)
ASKED = Asked(
    issuer=ISSUER,
    client=Client(id="we"),
    resource="https://x.example/mcp",
    scopes=("a", "b"),
    redirect_uri="http://127.0.0.1:1/callback",
    state="our-state",
    verifier="v" * 43,
)
SETTINGS = OAuth(client_id="mine", client_secret="quiet", scopes=("c",))


def issuer(**changes: object) -> Issuer:
    return msgspec.structs.replace(ISSUER, **changes)


def answered(**query: str) -> str:
    return urlencode({"state": "our-state", **query})


def test_the_link_asks_for_all_that_protects_it() -> None:
    """PKCE with S256, state, resource, and nothing secret; a query of the endpoint stays."""
    asked = replace(ASKED, issuer=issuer(authorization_endpoint="https://as.example/a?tenant=1"))
    parts = parse_qs(urlsplit(asked.link).query)
    digest = hashlib.sha256(b"v" * 43).digest()
    assert parts == {
        "tenant": ["1"],
        "response_type": ["code"],
        "client_id": ["we"],
        "redirect_uri": ["http://127.0.0.1:1/callback"],
        "state": ["our-state"],
        "code_challenge": [base64.urlsafe_b64encode(digest).decode().rstrip("=")],
        "code_challenge_method": ["S256"],
        "resource": ["https://x.example/mcp"],
        "scope": ["a b"],
    }
    assert "scope" not in parse_qs(urlsplit(replace(ASKED, scopes=()).link).query)
    assert ASKED.verifier not in repr(ASKED)
    assert ASKED.state not in repr(ASKED)


@pytest.mark.parametrize(
    "query",
    [
        *("", "code=c", "code=c&state=", "code=c&state=other", "code=c&state=our-state2"),
        *("state=our-state&state=our-state&code=c", "code=c&code=d&state=our-state", "%ff=%ff"),
    ],
)
def test_what_has_not_our_state_is_nothing_to_us(query: str) -> None:
    """Missing, wrong or given twice: it may be from any page the person has open."""
    with pytest.raises(NotOurs):
        code_in(query, ASKED)


@pytest.mark.parametrize(
    ("advertised", "said", "accepted"),
    [
        (True, "https://as.example", True),
        (True, None, False),
        (False, None, True),
        (False, "https://as.example", True),
        (False, "https://evil.example", False),
        (True, "https://evil.example", False),
        (True, "https://as.example/", False),
        (True, "https://AS.example", False),
        (True, "https://as.example:443", False),
        (True, "", False),
    ],
)
def test_who_answers_is_compared_as_it_is_written(
    advertised: bool, said: str | None, accepted: bool
) -> None:
    """RFC 9207, §2.4, by MCP's table; and an error from somebody else is not shown."""
    asked = replace(ASKED, issuer=issuer(authorization_response_iss_parameter_supported=advertised))
    iss = {} if said is None else {"iss": said}
    if accepted:
        assert code_in(answered(code="c", **iss), asked) == "c"
        return
    with pytest.raises(SignInFailed):
        code_in(answered(code="c", **iss), asked)
    with pytest.raises(SignInFailed, match="not used"):
        code_in(answered(error="call+0800-evil", **iss), asked)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "was told not to let us in"),
        ("server_error", r"refused \(server_error\)"),
        ("<b>\n", r"refused \(%3Cb%3E%0A\)"),
    ],
)
def test_an_error_is_told(error: str, words: str) -> None:
    """By its name, and never by free text of the server's."""
    with pytest.raises(Refused, match=words):
        code_in(answered(error=error, error_description="Call 0800"), ASKED)
    with pytest.raises(SignInFailed, match="without what was asked for"):
        code_in(answered(), ASKED)


def test_who_we_are_is_what_the_config_file_says() -> None:
    """Before anything else; an address only where it is understood; else we register."""
    assert client_known(None, ISSUER) is None
    assert client_known(OAuth(scopes=("x",)), ISSUER) is None
    basic = issuer(token_endpoint_auth_methods_supported=("client_secret_basic", "none"))
    known = client_known(SETTINGS, basic)
    assert known == Client(id="mine", secret="quiet", auth="client_secret_basic")
    assert "quiet" not in repr(known) + repr(SETTINGS)
    document = OAuth(client_id="https://we.example/client.json")
    assert client_known(document, ISSUER) is None
    understood = issuer(client_id_metadata_document_supported=True)
    assert client_known(document, understood) == Client(id="https://we.example/client.json")
    with pytest.raises(SignInFailed, match='"client_id"'):
        registration(issuer(registration_endpoint=""), "http://127.0.0.1:1/callback", ())


def test_we_register_as_what_we_are() -> None:
    """A native program that renews its tokens (RFC 7591; OpenID Connect Registration)."""
    asked = registration(ISSUER, "http://127.0.0.1:1/callback", ("a", "b"))
    assert asked["application_type"] == "native"
    assert asked["redirect_uris"] == ["http://127.0.0.1:1/callback"]
    assert asked["grant_types"] == ["authorization_code", "refresh_token"]
    assert (asked["token_endpoint_auth_method"], asked["scope"]) == ("none", "a b")
    post = issuer(token_endpoint_auth_methods_supported=("client_secret_post",))
    method = registration(post, "x", ())["token_endpoint_auth_method"]
    assert method == "client_secret_post"
    for answer, client in (
        (Registered("id"), Client(id="id")),
        (Registered("id", "s", "client_secret_post"), Client(id="id", secret="s", auth=method)),
        (Registered("id", "s"), Client(id="id", secret="s", auth="client_secret_basic")),
    ):
        assert client_registered(answer, asked, ISSUER) == client
    with pytest.raises(SignInFailed, match="private_key_jwt"):
        client_registered(Registered("id", "", "private_key_jwt"), asked, ISSUER)


@pytest.mark.parametrize(
    ("settings", "challenged", "supported", "earlier", "wanted"),
    [
        (None, (), (), (), ()),
        (None, ("a",), ("s",), (), ("a",)),
        (None, (), ("s", "t"), (), ("s", "t")),
        (None, ("b",), ("s",), ("a",), ("a", "b")),
        (SETTINGS, (), ("s",), (), ("c",)),
        (SETTINGS, ("a", "c"), (), ("b",), ("b", "c", "a")),
    ],
)
def test_what_is_asked_for(
    settings: OAuth | None,
    challenged: tuple[str, ...],
    supported: tuple[str, ...],
    earlier: tuple[str, ...],
    wanted: tuple[str, ...],
) -> None:
    """What the server wants now before what it knows, and never less than before."""
    assert scopes_wanted(settings, challenged, supported, earlier, ISSUER) == wanted
    offline = issuer(scopes_supported=("offline_access",))
    more = (*wanted, "offline_access") if wanted else ()
    assert scopes_wanted(settings, challenged, supported, earlier, offline) == more


def test_how_we_prove_who_we_are() -> None:
    """By header, in the form, or not at all; a secret goes nowhere else."""
    form = code_form("c", ASKED)
    assert form["resource"] == refresh_form("r", ASKED.resource)["resource"] == ASKED.resource
    assert proven(form, Client(id="we")) == ({**form, "client_id": "we"}, {})
    odd = Client(id="a b:c", secret="d&e", auth="client_secret_basic")
    named, headers = proven(form, odd)
    login = base64.b64decode(headers["Authorization"].removeprefix("Basic "))
    assert login == b"a+b%3Ac:d%26e"
    assert "client_secret" not in named
    named, headers = proven(form, replace(odd, auth="client_secret_post"))
    assert (named["client_secret"], headers) == ("d&e", {})


@pytest.mark.parametrize(
    ("answer", "expires_in"),
    [
        ({}, None),
        ({"expires_in": 60}, 60.0),
        ({"expires_in": "60"}, 60.0),
        ({"expires_in": -1}, None),
        ({"expires_in": "soon"}, None),
        ({"refresh_token": None, "expires_in": None}, None),
    ],
)
def test_tokens_are_taken(answer: dict[str, object], expires_in: float | None) -> None:
    """As loosely as servers write them; and no word shows them."""
    body = json.dumps({"access_token": "secret-token", "token_type": "bearer", **answer}).encode()
    tokens = tokens_in(200, body, "as.example")
    assert (tokens.access, tokens.expires_in) == ("secret-token", expires_in)
    assert "secret-token" not in repr(tokens)


@pytest.mark.parametrize(
    ("status", "answer", "kind", "words"),
    [
        (400, {"error": "invalid_grant"}, Refused, "invalid_grant"),
        (401, b"<html>", Refused, "HTTP 401"),
        (429, {}, SignInFailed, "HTTP 429"),
        (503, {"error": "invalid_grant"}, SignInFailed, "HTTP 503"),
        (302, {}, SignInFailed, "HTTP 302"),
        (200, {"access_token": "t", "token_type": "DPoP"}, SignInFailed, "kind"),
        (200, {"access_token": "a\r\nX: b", "token_type": "Bearer"}, SignInFailed, "kind"),
        (200, {"access_token": "", "token_type": "Bearer"}, SignInFailed, "kind"),
        (200, {"token_type": "Bearer"}, SignInFailed, "no token"),
        (200, b"\xff", SignInFailed, "no token"),
    ],
)
def test_what_is_no_token(
    status: int, answer: object, kind: type[SignInFailed], words: str
) -> None:
    """A refusal is told apart from a failure, after which it may work yet."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(SignInFailed, match=words) as caught:
        tokens_in(status, body, "as.example")
    assert type(caught.value) is kind


def test_an_authorization_server_that_can_be_used() -> None:
    """It describes itself, protects codes by PKCE, and names only addresses that may be asked."""
    described = {**msgspec.to_builtins(ISSUER), "jwks_uri": None, "scopes_supported": None}

    def read(**changes: object) -> Issuer:
        body = json.dumps({**described, **changes}).encode()
        return issuer_in(body, ISSUER.issuer, Reach.PUBLIC)

    assert read() == ISSUER
    for changes, words in (
        ({"issuer": "https://as.example/"}, "describes"),
        ({"issuer": "https://evil.example"}, "evil.example"),
        ({"code_challenge_methods_supported": None}, "PKCE"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "http://as.example/token"}, "https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no web address|https"),
        ({"registration_endpoint": "file:///etc/passwd"}, "no web address|https"),
        ({"token_endpoint": 7}, "cannot be read"),
    ):
        with pytest.raises(SignInFailed, match=words):
            read(**changes)


def test_a_description_of_another_server_is_not_used() -> None:
    """RFC 9728, §3.3."""
    body = json.dumps({"resource": "https://x.example", "authorization_servers": ["https://a"]})
    assert resource_in(body.encode(), "https://x.example/mcp").authorization_servers
    with pytest.raises(SignInFailed, match="another server"):
        resource_in(body.encode(), "https://y.example/mcp")
    for broken in (b"[]", b"{}", b"\xff", b'{"resource": 1}'):
        with pytest.raises(SignInFailed, match="cannot be read"):
            resource_in(broken, "https://x.example/mcp")


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_answer_does_harm(body: bytes, status: int) -> None:
    """Whatever comes back, it is a value or a refusal in words."""
    for read in (
        lambda: tokens_in(status, body, "as.example"),
        lambda: issuer_in(body, "https://as.example", Reach.PUBLIC),
        lambda: resource_in(body, "https://x.example"),
        lambda: code_in(answered() + "&" + body.decode("latin-1"), ASKED),
    ):
        try:
            read()
        except (SignInFailed, NotOurs):
            continue

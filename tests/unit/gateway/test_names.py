"""Names and URIs of many servers side by side: unique, stable, reversible."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from core.gateway.names import ADDRESSED, LONGEST, Uris, joined, split

SERVERS = st.text("ab_-.1", min_size=1, max_size=6) | st.text("aZ9._-", min_size=1, max_size=64)
TOOLS = st.text("ab_x", min_size=1, max_size=6) | st.text(min_size=1, max_size=80)
HASHED_LOOK = st.just("x__abcdefghij23")
PAIRS = st.lists(st.tuples(SERVERS, TOOLS | HASHED_LOOK), max_size=30, unique=True)
ALLOWED = re.compile(r"[A-Za-z0-9_-]+")

RESOURCES = st.sampled_from(
    ["file:///a", "file:///b/c", "test://x", "", "mcpproxy://s/a/file:///a", "mcpproxy://s/", "é:"]
)
TEMPLATES = st.sampled_from(
    ["file:///{path}", "file:///b/{name}", "test://{x}/y", "{+any}", "mcpproxy://s/a/{x}", "plain"]
)
FEW = st.sampled_from(["a", "b", "c"])
OWNED = st.lists(st.tuples(FEW, RESOURCES), max_size=8, unique=True)
PATTERNS = st.lists(st.tuples(FEW, TEMPLATES), max_size=6, unique=True)


def test_plain_names() -> None:
    """Usual names are simply joined, and split again."""
    assert joined("git", "git_log") == "git__git_log"
    assert split("git__git_log") == ("git", "git_log")
    assert joined("my-server", "a__b") == "my-server__a__b"
    assert split("my-server__a__b") == ("my-server", "a__b")


def test_unusual_names_are_shortened_and_stay_the_same() -> None:
    """What clients would not take gets a hash, which never changes from version to version."""
    assert joined("a.b", "c/d") == "a_b__c_d__egrgy5uxda42"
    assert joined("s", "x" * 80) == "s__" + "x" * 43 + "__trhg43oiqulo"
    assert split(joined("a.b", "c/d")) is None
    assert split("plain") is split("__x") is split("x__") is None


@given(PAIRS)
def test_every_name_leads_back(pairs: list[tuple[str, str]]) -> None:
    """Different pairs have different names, which clients take, and which lead back."""
    names = {joined(server, tool): (server, tool) for server, tool in pairs}
    assert len(names) == len(pairs)
    for name, pair in names.items():
        assert len(name) <= LONGEST
        assert ALLOWED.fullmatch(name)
        assert split(name) in (pair, None)


@given(OWNED, PATTERNS, FEW, RESOURCES)
def test_every_uri_leads_back(
    owned: list[tuple[str, str]], patterns: list[tuple[str, str]], server: str, any_uri: str
) -> None:
    """Whatever a server calls a resource, the URI that clients are told leads back to it."""
    uris = Uris(owned, patterns, ["a", "b", "c"])
    for owner, uri in [*owned, (server, any_uri)]:
        shown = uris.shown(owner, uri)
        if uri:
            assert uris.owner(shown) == (owner, uri)


@given(OWNED, PATTERNS, st.sampled_from(["z", "b/c", "x/y"]))
def test_every_template_leads_back(
    owned: list[tuple[str, str]], patterns: list[tuple[str, str]], value: str
) -> None:
    """A template as shown is its server's, and so is what becomes of it."""
    uris = Uris(owned, patterns, ["a", "b", "c"])
    for server, template in patterns:
        shown = uris.shown_template(server, template)
        assert uris.template_owner(shown) == (server, template)
        expanded = re.sub(r"\{[^}]*\}", value, shown)
        own = re.sub(r"\{[^}]*\}", value, template)
        assert uris.owner(expanded) == (server, own)


def test_uris_stay_unless_they_are_ambiguous() -> None:
    """A URI that one server has is left alone; the second of the same gets its server's name."""
    uris = Uris([("a", "test://1"), ("b", "test://1"), ("b", "test://2")], [], ["a", "b"])
    assert uris.shown("a", "test://1") == "test://1"
    assert uris.shown("b", "test://1") == f"{ADDRESSED}b/test://1"
    assert uris.shown("b", "test://2") == "test://2"
    assert uris.shown("b", "ui://unlisted") == f"{ADDRESSED}b/ui://unlisted"
    assert uris.owner("ui://unlisted") is None
    assert uris.owner(f"{ADDRESSED}nobody/test://1") is None


def test_the_only_server_with_resources_has_every_uri() -> None:
    """With nobody to confuse it with, nothing is renamed."""
    uris = Uris([("a", "test://1")], [("a", "test://{x}")], ["a"])
    assert uris.shown("a", "ui://unlisted") == "ui://unlisted"
    assert uris.owner("ui://unlisted") == ("a", "ui://unlisted")
    assert uris.shown_template("a", "test://{x}") == "test://{x}"

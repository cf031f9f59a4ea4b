"""Words: identifiers come apart, inflections meet, and any text is survived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.words import STOP_WORDS, stem, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  \n\t--__..  ", []),
        ("issue", ["issu"]),
        ("create_issue", ["createissu", "creat", "issu"]),
        ("listIssues", ["listissu", "list", "issu"]),
        ("list-issues", ["listissu", "list", "issu"]),
        ("repo.list.issues", ["repolistissu", "repo", "list", "issu"]),
        ("GetHTTPResponse", ["gethttprespons", "get", "http", "respons"]),
        ("getURLs", ["geturl", "get", "url"]),
        ("SHOUTING", ["shout"]),
        ("utf8 v2 s3_upload", ["utf8", "v2", "s3upload", "s3", "upload"]),
        ("read, write; (delete)", ["read", "writ", "delet"]),
        ("the file of a user", ["fil", "user"]),
        ("path/to/file", ["path", "fil"]),
        ("Größe", ["gross"]),
        ("résumé", ["resum"]),
        ("ﬁle", ["fil"]),
        ("найтиФайл", ["найтифайл"]),
        ("ガイド", ["ガイ", "イド"]),
        ("turn_on", ["turnon", "turn"]),
        ("do", ["do"]),
        ("查询车票", ["查询", "询车", "车票"]),
        ("车", ["车"]),
        ("检索", ["检索"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    """Each way of writing identifiers, and each kind of script, gives the words expected."""
    assert words(text) == found


@pytest.mark.parametrize(
    "family",
    [
        "create creates created creating creation",
        "delete deletes deleted deleting deletion",
        "file files filing",
        "query queries querying queried",
        "directory directories",
        "search searches searched searching",
        "match matches matching",
        "process processes processed processing",
        "permit permits permitted permitting",
        "call calls called calling",
        "stop stops stopped stopping",
        "index indexes indexed indexing",
        "status",
        "address addresses",
        "analysis",
        "box boxes",
        "image images",
        "entity entities",
        "key keys",
        "convert converts converted converting",
        "execute executes executed executing execution",
    ],
)
def test_family_meets(family: str) -> None:
    """The forms of one word have one stem."""
    assert len({stem(word) for word in family.split()}) == 1


@pytest.mark.parametrize(
    "pair",
    ["string strip", "status state", "sing song", "red ring", "bring brain", "option optic",
     "user use", "issue is", "gas gash", "list last", "commit comment"],
)  # fmt: skip
def test_strangers_do_not_meet(pair: str) -> None:
    """Different words keep different stems."""
    pair_words = pair.split()
    assert len({stem(word) for word in pair_words}) == len(pair_words)


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text gives words that are not empty, the same each time."""
    found = words(text)
    assert all(found)
    assert not any("_" in word or word.isspace() for word in found)
    assert words(text) == found


@given(st.lists(st.from_regex(r"[a-z]{2,8}", fullmatch=True), min_size=1, max_size=4))
def test_every_spelling_of_a_name(parts: list[str]) -> None:
    """Snake, kebab, dotted and camel case of one name give the same words."""
    snake = words("_".join(parts))
    assert words("-".join(parts)) == snake
    assert words(".".join(parts)) == snake
    assert words("".join(part.capitalize() for part in parts)) == snake
    assert words("_".join(parts).upper()) == snake


@given(st.from_regex(r"[A-Za-z0-9]{1,20}", fullmatch=True))
def test_stem_is_short_and_stable(word: str) -> None:
    """A stem is never empty nor longer than its word, apart from -ies."""
    assert 0 < len(stem(word)) <= len(word)


@given(st.sampled_from(sorted(STOP_WORDS)))
def test_stop_words_vanish(word: str) -> None:
    """Stop words are left out, in any case, but a text of nothing else keeps them."""
    assert words(f"{word} file {word.capitalize()}") == ["fil"]
    assert words(word) == [stem(word)]

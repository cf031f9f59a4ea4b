"""What counts as a secret in an entry, and that the entry means the same with references."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clients.plain_secrets import masked_entry, moved, plain_secrets
from core.model.references import SECRET_NAME, filled

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("entry", "secrets"),
    [
        ({"env": {"GITHUB_TOKEN": "abc", "LEVEL": "info"}}, {"GITHUB_TOKEN": "abc"}),
        ({"env": {"PGPASSWORD": "a b=c"}}, {"PGPASSWORD": "a b=c"}),
        ({"env": {"X": GITHUB, "Y": f"Bearer {JWT}"}}, {"X": GITHUB, "Y": JWT}),
        ({"env": {"DATABASE": "postgres://ada:s3cret@db/x"}}, {"password": "s3cret"}),
        ({"env": {"MAX_TOKENS": "4096", "USE_KEY": "true", "KEY_FILE": "~/.ssh/id"}}, {}),
        ({"env": {"TOKEN_URL": "https://login.example/token"}}, {}),
        ({"env": {"TOKEN": "${env:TOKEN}", "KEY": "x-${keyring:k}"}}, {}),
        ({"headers": {"Authorization": "Bearer abc.def"}}, {"Authorization": "abc.def"}),
        ({"headers": {"authorization": "Basic YTpi", "X-Api-Key": "k"}}, {
            "authorization": "YTpi", "X-Api-Key": "k",
        }),
        ({"headers": {"Accept": "text/plain"}}, {}),
        ({"url": "https://e.example/mcp?api_key=abc&page=1"}, {"api_key": "abc"}),
        ({"url": "https://ada:s3cret@e.example/mcp"}, {"password": "s3cret"}),
        ({"url": f"https://e.example/{GITHUB}/mcp"}, {"url": GITHUB}),
        ({"url": "https://e.example/mcp"}, {}),
        ({"args": ["--api-key", "abc", "--port", "80"]}, {"api-key": "abc"}),
        ({"args": ["--token=abc", "--verbose"]}, {"token": "abc"}),
        ({"args": ["-e", "API_TOKEN=abc", "image"]}, {"API_TOKEN": "abc"}),
        ({"args": ["--header", "Authorization: Bearer abc", "x"]}, {"Authorization": "abc"}),
        ({"args": ["--use-keychain", "--token", "--verbose", "plain", GITHUB]}, {
            "argument-5": GITHUB,
        }),
        ({"args": ["postgres://u:s3cret@h/db"]}, {"password": "s3cret"}),
        ({"command": GITHUB, "working_dir": GITHUB}, {}),
    ],
)  # fmt: skip
def test_what_counts_as_a_secret(entry: dict[str, Any], secrets: dict[str, str]) -> None:
    """By its name or by its look; references, numbers, switches and places are none."""
    assert {each.name: each.value for each in plain_secrets(entry)} == secrets


TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="$"), max_size=20),
    st.sampled_from(
        [
            GITHUB,
            f"x{JWT}y {GITHUB}",
            "Bearer abc",
            "https://u:pw@h/?token=a&k=b&key=c",
            "TOKEN=x=y",
        ]
    ),
)
NAMES = st.sampled_from(["TOKEN", "API_KEY", "A", "B", "Authorization", "naïve key"])
ENTRIES = st.fixed_dictionaries(
    {
        "env": st.dictionaries(NAMES, TEXTS, max_size=3),
        "headers": st.dictionaries(NAMES, TEXTS, max_size=3),
        "args": st.lists(st.one_of(TEXTS, st.sampled_from(["--token", "-H", "--x"])), max_size=4),
        "url": TEXTS,
    }
)


@given(st.lists(ENTRIES, max_size=3), st.dictionaries(st.just("s0.TOKEN"), TEXTS))
def test_a_moved_entry_means_the_same(
    entries: list[dict[str, Any]], before: dict[str, str]
) -> None:
    """With the values put back every text is what it was, none is left in plain text, nothing that
    the keyring had is changed, and all names can be given on the command line."""
    kept = dict(before)
    for number, entry in enumerate(entries):
        new, items = moved(f"s{number}", entry, kept)
        assert not kept.keys() & items.keys()
        assert all(SECRET_NAME.fullmatch(name) for name in items)
        kept |= items
        assert not plain_secrets(new)
        assert restored(new, kept) == entry
    assert kept | before == kept


def test_what_is_shown_of_an_entry() -> None:
    """Masks for what is secret, and for every value of a variable, whatever it looks like."""
    entry = {
        "command": "npx",
        "args": ["--token", "planted", "--port", "80"],
        "env": {"A": "planted"},
        "url": "https://u:planted@h/?key=planted&page=2",
        "init_timeout": 3.0,
    }
    assert masked_entry(entry) == {
        "command": "npx",
        "args": ["--token", "***", "--port", "80"],
        "env": {"A": "***"},
        "url": "https://u:***@h/?key=***&page=2",
        "init_timeout": 3.0,
    }


def restored(value: Any, kept: dict[str, str]) -> Any:
    match value:
        case str():
            return filled(value, lambda reference: kept[reference.name])
        case dict():
            return {key: restored(below, kept) for key, below in value.items()}
        case _:
            return [restored(below, kept) for below in value]


def test_one_secret_of_many_servers_is_kept_once() -> None:
    """The same value under the same name; another value, or another name, is another secret."""
    same, other = {"env": {"TOKEN": "one"}}, {"env": {"TOKEN": "two"}}
    first, items = moved("a", same, {})
    second, none = moved("b", same, items)
    third, more = moved("a", other, items)
    assert items == {"a.TOKEN": "one"}
    assert none == {}
    assert first == second == {"env": {"TOKEN": "${keyring:a.TOKEN}"}}
    assert third == {"env": {"TOKEN": "${keyring:a.TOKEN-2}"}}
    assert more == {"a.TOKEN-2": "two"}
    assert moved("c", {"env": {"KEY": "one"}}, items)[1] == {"c.KEY": "one"}

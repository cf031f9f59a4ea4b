"""What is read from a ``WWW-Authenticate`` header, whatever stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.oauth_challenge import MOST_SCOPES, Challenge, challenge_in, scopes_in

PLACE = "https://x.example/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ("", Challenge()),
        ("Bearer", Challenge()),
        (f'Bearer resource_metadata="{PLACE}"', Challenge(PLACE)),
        (
            f'Bearer error="invalid_token", scope="a b", resource_metadata="{PLACE}"',
            Challenge(PLACE, ("a", "b"), "invalid_token"),
        ),
        ('bearer SCOPE = "a b a"', Challenge(scopes=("a", "b"))),
        ("Bearer scope=a", Challenge(scopes=("a",))),
        (
            f'Basic realm="x, Bearer scope=no", Bearer scope="yes", resource_metadata="{PLACE}"',
            Challenge(PLACE, ("yes",)),
        ),
        ('Bearer scope="a", Basic realm="r", scope="b"', Challenge(scopes=("a",))),
        ("Negotiate YWJj==, Bearer error=e", Challenge(error="e")),
        (r'Bearer scope="a\b"', Challenge(scopes=("ab",))),
        ('DPoP scope="no"', Challenge()),
        ('Bearer scope="unfinished', Challenge()),
    ],
)
def test_a_header_is_read(header: str, challenge: Challenge) -> None:
    """Quoted or not, several schemes in one header, and what is broken is left out."""
    assert challenge_in(header.encode()) == challenge


@given(st.binary(max_size=300))
def test_no_header_does_harm(header: bytes) -> None:
    """Whatever a server sends, reading it ends, and what comes of it can be asked for."""
    challenge = challenge_in(header)
    assert scopes_in(" ".join(challenge.scopes)) == challenge.scopes


@given(st.text(max_size=2000))
def test_scopes_are_bounded_and_each_is_one(text: str) -> None:
    """No control character, no repetition, no list without an end."""
    found = scopes_in(text)
    assert len(found) <= MOST_SCOPES
    assert len(set(found)) == len(found)
    assert all("!" <= char <= "~" and char not in '"\\' for each in found for char in each)

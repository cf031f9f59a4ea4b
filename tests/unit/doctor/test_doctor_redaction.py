"""No secret stays in a text, however it is written there, and the rest of the text does."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.doctor.redaction import MASK, SHORTEST, redaction

SECRET = 'pa$$ w/"rd+ü-7Q'
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url path": lambda text: quote(text),
    "url component": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "lower-case percent": lambda text: re.sub(
        "%..", lambda at: at[0].lower(), quote(text, safe="")
    ),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, not ascii": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_is_taken_out(spelling: str) -> None:
    """The words around stay, the secret goes."""
    spelt = SPELLINGS[spelling](SECRET)
    text = redaction([SECRET])(f"before {spelt} after")
    assert spelt.rstrip("=") not in text
    assert text.startswith("before ***")
    assert text.endswith(" after")


@given(st.text(min_size=SHORTEST, max_size=40), st.sampled_from(sorted(SPELLINGS)))
def test_any_secret_is_taken_out(secret: str, spelling: str) -> None:
    """Whatever characters it is made of."""
    try:
        secret.encode()
    except UnicodeEncodeError:
        return  # no file and no environment can hold a lone surrogate as text
    spelt = SPELLINGS[spelling](secret)
    assert redaction([secret])(f"\n{spelt}\n").strip("\n=") in ("", MASK, f"={MASK}")


@pytest.mark.parametrize("before", range(5))
@given(secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=24))
def test_a_secret_inside_longer_base64_leaves_no_core(before: int, secret: str) -> None:
    """As in "Basic" credentials, where a name and a colon stand before it."""
    encoded = base64.b64encode(("u" * before + secret + "zz").encode()).decode()
    left = redaction([secret])(f"[{encoded}]")
    assert MASK in left
    first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
    assert encoded[first:last] not in left


@given(st.integers(1, 19), st.booleans())
def test_a_secret_broken_over_two_log_lines(at: int, stamped: bool) -> None:
    """A line that was too long, with or without the next line's time."""
    secret = "Zk3-91xLq-77wPm-042Ab"
    stamp = "2026-11-23T12:00:00.123Z " if stamped else "    "
    text = redaction([secret])(f"it is {secret[:at]}\n{stamp}{secret[at:]} there")
    assert text == f"it is {MASK} there"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ("sent Bearer abcdefgh", "sent Bearer ***"),
        ("OPENAI_API_KEY=sk-123", "OPENAI_API_KEY=***"),
        ('{"refresh_token": "x1"}', '{"refresh_token": "***"}'),
        ("used ghp_0123456789abcdef", "used ***"),
        ("used AKIA0123456789ABCDEF", "used ***"),
        ("at https://ada:hunter2@host/x", "at https://***@host/x"),
        ("jwt eyJhbGciOiJI.eyJzdWIi.c2ln", "jwt ***"),
    ],
)
def test_what_looks_like_a_secret_goes_too(text: str, clean: str) -> None:
    """A server may print what no config file told us of."""
    assert redaction([])(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00.123Z INFO core.engine.actor server state server=git from=ready",
        "Exited before it was ready (exit code 3): no licence file",
        "Searched: /usr/local/bin:/usr/bin:/bin",
        "tools/list answered with 14 tools by token-counter",
    ],
)
def test_ordinary_lines_stay(text: str) -> None:
    """A report is of use only when its lines can be read."""
    assert redaction(["s3cr3t-value"])(text) == text


def test_the_parts_of_a_url_and_of_an_option_are_secrets_too() -> None:
    """They turn up alone: a server logs its password, not its connection string."""
    redact = redaction(["postgres://ada:tr0ub4dor@db/x?sslkey=k3y0fth3db", "--token=0pent0ken"])
    assert redact("tr0ub4dor and k3y0fth3db and 0pent0ken") == "*** and *** and ***"


def test_the_longer_of_two_secrets_goes_whole() -> None:
    """A secret that begins with another does not leave its end behind."""
    assert redaction(["abcdef", "abcdef-ghijkl"])("x abcdef-ghijkl x") == "x *** x"

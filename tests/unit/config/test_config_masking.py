"""The config file shown without its secrets, and put back with them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.jsonc import parse
from core.config.masking import StillMasked, masked, unmasked
from core.model.masks import MASK

SECRET = "planted-secret"
FILE = f"""{{
  // kept as it is
  "api_key": "{SECRET}",
  "listen": "127.0.0.1:8080",
  "environment": {{"custom_vars": {{"TOKEN": "{SECRET}"}}}},
  "mcpServers": [
    {{"name": "a", "command": "x", "args": ["https://u:{SECRET}@h/p?k={SECRET}"],
      "env": {{"KEY": "{SECRET}", "EMPTY": ""}}}},
    {{"name": "b", "url": "https://h/mcp?token={SECRET}",
      "headers": {{"Authorization": "{SECRET}"}},
      "oauth": {{"client_id": "id", "client_secret": "{SECRET}"}}}},
  ],
}}
"""


def test_nothing_secret_is_shown_and_all_else_is() -> None:
    """Keys, header and variable values, and the secret parts of addresses have masks."""
    shown = masked(FILE)
    assert SECRET not in shown
    assert "// kept as it is" in shown
    value = parse(shown).root.value
    assert isinstance(value, dict)
    assert value["listen"] == "127.0.0.1:8080"
    assert json.dumps(value).count(MASK) == 8


def test_what_was_shown_can_be_put_back() -> None:
    """Text that still has the masks gets the values, also after its entries changed places."""
    assert unmasked(masked(FILE), FILE) == FILE
    shown = parse(masked(FILE)).root.value
    assert isinstance(shown, dict)
    entries = shown["mcpServers"]
    assert isinstance(entries, list)
    shown["mcpServers"] = entries[::-1]
    back = parse(unmasked(json.dumps(shown), FILE)).root.value
    whole = parse(FILE).root.value
    assert isinstance(back, dict)
    assert isinstance(whole, dict)
    listed = whole["mcpServers"]
    assert isinstance(listed, list)
    assert back == {**whole, "mcpServers": listed[::-1]}


def test_a_mask_for_a_value_nobody_knows_is_refused() -> None:
    """A new entry has to come with its own secrets; the place is named, the others are not."""
    text = masked(FILE).replace('"name": "b"', '"name": "c"')
    with pytest.raises(StillMasked) as caught:
        unmasked(text, FILE)
    assert "mcpServers.1.headers.Authorization" in [each.path for each in caught.value.problems]


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=5))
def test_every_environment_comes_back_whole(env: dict[str, str]) -> None:
    """Whatever names and values there are, odd ones and masks themselves included."""
    text = json.dumps({"mcpServers": {"a": {"command": "x", "env": env}}})
    shown = parse(masked(text)).root.value
    assert shown == {"mcpServers": {"a": {"command": "x", "env": dict.fromkeys(env, MASK)}}}
    assert parse(unmasked(masked(text), text)).root.value == parse(text).root.value

"""What a stateless request says of itself: read, taken off and put on, and nothing else touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol import meta
from core.protocol.meta import Terms, WrongMeta, terms_of, with_terms, without_terms

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
OWN = st.dictionaries(st.text(max_size=8), JSON, max_size=4)
TERMS = Terms("2026-07-28", b'{"roots":{}}', b'{"name":"c"}', "info")


def encoded(params: object) -> bytes:
    return json.dumps(params).encode()


@given(OWN, OWN)
def test_what_is_put_on_can_be_read_and_taken_off(params: dict[str, Any], own: Any) -> None:
    """A server with a session gets exactly what the client meant, whatever that is."""
    plain = {**params, "_meta": own} if own else {**params}
    if not own:
        plain.pop("_meta", None)
    for name in meta.RETRY_MEMBERS:
        plain.pop(name, None)
    stated = with_terms(encoded(plain), TERMS)
    assert terms_of(stated) == TERMS
    assert json.loads(without_terms(stated) or b"{}") == plain


@pytest.mark.parametrize(
    "params",
    [
        b"",
        b"[]",
        b'{"_meta":5}',
        b'{"_meta":{}}',
        encoded({"_meta": {meta.VERSION: "2026-07-28"}}),
        encoded({"_meta": {meta.CAPABILITIES: {}}}),
        encoded({"_meta": {meta.VERSION: 5, meta.CAPABILITIES: {}}}),
        encoded({"_meta": {meta.VERSION: "2026-07-28", meta.CAPABILITIES: []}}),
        encoded({"_meta": {meta.VERSION: "v", meta.CAPABILITIES: {}, meta.LOG_LEVEL: 1}}),
    ],
)
def test_what_is_missing_or_wrong_is_said(params: bytes) -> None:
    """Without version and capabilities of the right kind there are no terms."""
    with pytest.raises(WrongMeta, match="_meta"):
        terms_of(params)


def test_members_that_answer_questions_are_replaced_with_the_terms() -> None:
    """A retry carries the given members instead of those that were there."""
    params = with_terms(b'{"requestState":"old","a":1}', TERMS, {"requestState": "new"})
    assert json.loads(params)["requestState"] == "new"
    assert json.loads(without_terms(params)) == {"a": 1}


def test_the_era_is_told_without_reading() -> None:
    """The key is looked for, wherever it stands; a plain request does not mention it."""
    assert meta.mentions_version(with_terms(b"", TERMS))
    assert not meta.mentions_version(b'{"_meta":{"progressToken":1}}')

"""Who gets more time to start, how much, and for what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.patience import LONGEST, STILL, Patience


@pytest.mark.parametrize("command", ["npx", "/usr/bin/uvx", "docker", "/opt/x/pipx", "NPX.cmd"])
def test_a_fetcher_that_says_something_gets_more_time(command: str) -> None:
    """A sign of life is worth half a minute from that moment."""
    patience = Patience(command, 60.0, began=100.0)
    patience.stirred(120.0)
    assert (patience.until, patience.stretched) == (160.0, False)
    patience.stirred(155.0)
    assert (patience.until, patience.stretched) == (155.0 + STILL, True)
    assert patience.seconds == 85.0


@pytest.mark.parametrize("command", ["python3", "/usr/bin/node", "npx-like", "my.docker.d/run"])
def test_others_get_what_they_were_given(command: str) -> None:
    """Whatever they say: only fetching is expected to take so long."""
    patience = Patience(command, 60.0, began=0.0)
    patience.stirred(59.0)
    assert (patience.until, patience.stretched, patience.seconds) == (60.0, False, 60.0)


@given(st.lists(st.floats(0, 1000)), st.floats(0.1, 600))
def test_it_ends_and_never_gets_shorter(moments: list[float], limit: float) -> None:
    """At most three minutes in all, unless a person allowed more; at least what was allowed."""
    patience = Patience("npx", limit, began=0.0)
    before = patience.until
    for moment in sorted(moments):
        patience.stirred(moment)
        assert before <= patience.until <= max(limit, LONGEST)
        before = patience.until

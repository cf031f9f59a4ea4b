"""What strangers can cause as often as they like is told once in a while."""

from __future__ import annotations

from core.web.seldom import EVERY, Seldom


def test_f71_one_in_a_while_says_how_many_there_were() -> None:
    """The first passes, then one a minute with the count of the others."""
    now = 0.0
    seldom = Seldom(lambda: now)
    assert [seldom.passes() for _ in range(100)] == [True] + 99 * [False]
    assert seldom.left_out == 0
    now = EVERY
    assert seldom.passes()
    assert seldom.left_out == 99
    now = 3 * EVERY
    assert seldom.passes()
    assert seldom.left_out == 0

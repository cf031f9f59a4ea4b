"""Credit that time restores, and the line between a chatty server and a flood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.throttle import (
    FLOOD_BYTES,
    FLOOD_SECONDS,
    FLOOD_WINDOW,
    GARBAGE_LINE,
    GARBAGE_RATE,
    STEP,
    Garbage,
    Throttle,
)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), min_size=1, max_size=50),
    st.floats(1, 100),
    st.floats(1, 100),
)
def test_who_waits_as_told_never_gets_more_than_rate_and_burst(
    spending: list[tuple[float, float]], rate: float, burst: float
) -> None:
    """Whatever is spent and when: the total stays under the burst, the rate, and one last debt."""
    throttle = Throttle(rate, burst)
    now = spent = last = 0.0
    for amount, pause in spending:
        wait = throttle.spend(amount, now)
        spent, last = spent + amount, amount
        assert spent - last <= burst + rate * now + 1e-6
        now += max(wait, pause)


def test_credit_comes_back_with_time_and_no_further_than_the_burst() -> None:
    """After a debt the wait covers it; a long rest gives one burst and no more."""
    throttle = Throttle(10, 20)
    assert throttle.spend(20, 0.0) == 0
    assert throttle.spend(5, 0.0) == pytest.approx(0.5 + STEP)
    assert not throttle.has(1, 0.5)
    assert throttle.has(1, 0.7)
    assert throttle.has(20, 1000.0)
    assert not throttle.has(20.1, 1000.0)


def flood_after(size: float, pause: float, limit: float) -> float | None:
    """When lines of this size, so far apart at least, are called a flood."""
    garbage = Garbage()
    now = 0.0
    while now < limit:
        wait = garbage.took(size, now)
        if garbage.flood:
            return now
        now += max(wait, pause)
    return None


def test_a_chatty_server_is_no_flood() -> None:
    """A long line ten times a second for an hour is wrong, and harms nobody."""
    assert flood_after(10_000, 0.1, 3600.0) is None


@pytest.mark.parametrize("size", [2, 72, GARBAGE_LINE])
def test_a_flood_of_lines_ends_after_ten_seconds(size: float) -> None:
    """However short the lines are: each costs time."""
    after = flood_after(size, 0.0, 60.0)
    assert after is not None
    assert FLOOD_SECONDS <= after < FLOOD_SECONDS + 1


def test_so_many_bytes_in_a_minute_are_a_flood() -> None:
    """Even when they come slowly enough never to be held back."""
    after = flood_after(1 << 20, 0.5, 600.0)
    assert after is not None
    assert after == pytest.approx((FLOOD_BYTES / (1 << 20) - 1) * 0.5)
    assert after < FLOOD_WINDOW


def test_a_rest_begins_the_count_of_seconds_anew() -> None:
    """Bursts with rests between them are held back each for itself."""
    garbage = Garbage()
    for burst in range(20):
        now = burst * 61.0
        until = now + FLOOD_SECONDS - 1
        while now < until:
            now += garbage.took(GARBAGE_LINE, now) or GARBAGE_LINE / GARBAGE_RATE / 2
        assert not garbage.flood

"""Waiting: bounded, growing, spread out, and reproducible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lifecycle.backoff import (
    CAP_REMOTE,
    CAP_STDIO,
    GIVE_UP_FAILURES,
    GIVE_UP_WINDOW,
    SPREAD,
    gives_up,
    retry_delay,
)

CAPS = st.sampled_from([CAP_STDIO, CAP_REMOTE])


@given(st.text(), st.integers(0, 10**9), st.integers(1, 10**6), CAPS)
def test_bounds(name: str, epoch: int, attempt: int, cap: float) -> None:
    """Every delay is within a fifth of its doubled base, capped, and always the same."""
    delay = retry_delay(name, epoch, attempt, cap)
    base = min(2.0 ** min(attempt - 1, 60), cap)
    assert base * (1 - SPREAD) <= delay <= base * (1 + SPREAD) * (1 + 1e-12)
    assert delay == retry_delay(name, epoch, attempt, cap)


def test_servers_do_not_march_in_step() -> None:
    """A hundred servers that fail together come back spread over most of the range."""
    delays = [retry_delay(f"server-{number}", 1, 1, CAP_STDIO) for number in range(100)]
    assert len(set(delays)) == 100
    assert max(delays) - min(delays) > SPREAD
    assert 0.95 < sum(delays) / 100 < 1.05


def test_one_server_does_not_repeat_itself() -> None:
    """At the cap the same server waits a different time after each connection."""
    assert len({retry_delay("one", epoch, 50, CAP_STDIO) for epoch in range(50)}) == 50


@pytest.mark.parametrize(
    ("ever_ready", "failures", "given_up"),
    [
        (False, (), False),
        (False, (0.0,) * 4, False),
        (False, (0.0,) * 5, True),
        (True, (0.0,) * 5, False),
        (False, (0.0, 1.0, 2.0, 3.0, 120.0), True),
        (False, (0.0, 1.0, 2.0, 3.0, 120.1), False),
        (False, (0.0, 500.0, 501.0, 502.0, 503.0, 504.0), True),
        (False, (0.0, 1.0, 2.0, 3.0, 4.0, 500.0), False),
    ],
)
def test_giving_up(ever_ready: bool, failures: tuple[float, ...], given_up: bool) -> None:
    """Only what was never ready and failed five times in two minutes is given up."""
    assert gives_up(ever_ready, failures) is given_up


@given(st.lists(st.floats(0, 1e6)).map(sorted))
def test_giving_up_looks_at_the_latest(failures: list[float]) -> None:
    """The rule agrees with counting the failures in the window before the last."""
    recent = [at for at in failures if failures[-1] - at <= GIVE_UP_WINDOW]
    assert gives_up(False, tuple(failures)) == (len(recent) >= GIVE_UP_FAILURES)

"""Servers that end together are cleaned up after together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.ownership import Sweep, carries, new_mark, usable

LIMIT = 30.0


async def test_who_asks_during_a_look_shares_the_next() -> None:
    """One look for the first, one for all that came meanwhile; nobody returns before theirs."""
    looks: list[Set[str]] = []
    looking, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def look(marks: Set[str]) -> None:
        looks.append(marks)
        looking.release()
        assert go_on.acquire(timeout=LIMIT)

    sweep = Sweep(look)
    first = asyncio.create_task(sweep.end("a.0"))
    assert await asyncio.to_thread(looking.acquire, timeout=LIMIT)
    others = [asyncio.create_task(sweep.end(f"a.{number}")) for number in range(1, 50)]
    await asyncio.sleep(0)
    go_on.release()
    await asyncio.wait_for(first, LIMIT)
    assert await asyncio.to_thread(looking.acquire, timeout=LIMIT)
    assert not any(each.done() for each in others)
    go_on.release()
    await asyncio.wait_for(asyncio.gather(*others), LIMIT)
    assert looks == [{"a.0"}, {f"a.{number}" for number in range(1, 50)}]


async def test_a_look_that_fails_fails_for_who_made_it_and_the_next_is_made() -> None:
    """Nobody waits for ever behind one that went wrong."""
    looks: list[Set[str]] = []

    def look(marks: Set[str]) -> None:
        looks.append(marks)
        if len(looks) == 1:
            raise OSError("no /proc")

    sweep = Sweep(look)
    ended = await asyncio.gather(sweep.end("a"), sweep.end("b"), return_exceptions=True)
    assert isinstance(ended[0], OSError)
    assert ended[1] is None
    assert looks == [{"a"}, {"b"}]


MARK = new_mark()


@given(st.text(max_size=40))
def test_only_who_carries_a_whole_mark_is_ours(carried: str) -> None:
    """Nothing, half a mark, a longer one or any other text belongs to a stranger."""
    assert not carries(carried, frozenset({MARK}))
    assert not carries("", frozenset())


@pytest.mark.parametrize(
    ("carried", "ours"),
    [
        (MARK, True),
        (f"{MARK}.1", True),
        (f"{MARK}.1234", True),
        ("", False),
        (".", False),
        (MARK[:-1], False),
        (f"{MARK}1", False),
        (f"x{MARK}", False),
        (f"{MARK}.1.2", False),
    ],
)
def test_a_mark_is_carried_whole_or_not_at_all(carried: str, ours: bool) -> None:
    """By a server's process as it is, or with the number of its start."""
    assert carries(carried, frozenset({MARK})) is ours


def test_what_is_no_mark_is_looked_for_in_vain() -> None:
    """A text in place of a set of marks, or an empty mark, would otherwise fit everybody."""
    for wrong in (MARK, {""}, {"."}, {MARK[:8]}, set()):
        assert usable(wrong) == frozenset()
    assert usable({MARK, ""}) == {MARK}

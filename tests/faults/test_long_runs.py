"""The long runs, briefly; at full length they are commands (see ``tests.faults.soak``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import rounds
from tests.faults.soak import pairs, soak
from tests.program import Home

pytestmark = pytest.mark.timeout(400)


async def test_random_faults_under_load_leave_no_trace(home: Home, nothing_left: None) -> None:
    """Twenty seconds of faults: each call answered once, all well again, nothing piles up."""
    report = await soak(home, 20.0, seed=1)
    assert report.harms.total() > 0
    assert report.answered > 0
    assert not report.problems(), str(report)


async def test_pairs_of_faults_heal(home: Home, nothing_left: None) -> None:
    """Two faults at the same time are survived like one."""
    assert len(await pairs(home, 6, seed=2)) == 6


async def test_no_ending_leaves_a_process_or_ends_a_stranger(tmp_path: Path) -> None:
    """Quit, kill -9, reload, crash and a dead reaper: grandchildren of every kind are gone."""
    tally = await rounds.play(tmp_path, len(rounds.ENDINGS), seed=1)
    assert not tally.problems(), str(tally)

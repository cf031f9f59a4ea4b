"""Seats for the tray's tests: a fake panel on a private bus, and a real desktop under Xvfb."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.tray_desktop import TrayDesktop, missing_programs
from tests.fakes.tray_seat import FakeSeat, Seat


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name (108 bytes in all)."""
    with tempfile.TemporaryDirectory(prefix="tray-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture
def fake_seat(short_dir: Path) -> Iterator[FakeSeat]:
    """A private bus; its fake panel is not started yet."""
    seat = FakeSeat(short_dir)
    seat.open()
    try:
        yield seat
    finally:
        seat.close()


@pytest.fixture
def tray_desktop(short_dir: Path) -> Iterator[TrayDesktop]:
    """A real desktop; its panel is not started yet. ``env`` is for programs that run in it."""
    yield from _desktop(TrayDesktop(short_dir))


@pytest.fixture
def dark_desktop(short_dir: Path) -> Iterator[TrayDesktop]:
    """The same with a dark panel."""
    yield from _desktop(TrayDesktop(short_dir, dark=True))


def _desktop(desktop: TrayDesktop) -> Iterator[TrayDesktop]:
    missing = missing_programs()
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    try:
        desktop.open()
        yield desktop
    finally:
        desktop.close()


@pytest.fixture(params=["fake_seat", "tray_desktop"])
def seat(request: pytest.FixtureRequest) -> Seat:
    """Both, one after the other: what holds for the fake panel must hold for the real one."""
    found: Seat = request.getfixturevalue(request.param)
    return found

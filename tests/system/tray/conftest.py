"""Seats for the tray's tests: a fake panel on a private bus, and a real desktop under Xvfb."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.tray_desktop import TrayDesktop
from tests.fakes.tray_panels import LXQT, MATE, XFCE
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
def lxqt_desktop(short_dir: Path) -> Iterator[TrayDesktop]:
    """The same with LXQt's panel, which draws its menus with Qt."""
    yield from _desktop(TrayDesktop(short_dir, panel=LXQT))


@pytest.fixture
def dark_desktop(short_dir: Path) -> Iterator[TrayDesktop]:
    """The same with a dark panel."""
    yield from _desktop(TrayDesktop(short_dir, dark=True))


def _desktop(desktop: TrayDesktop) -> Iterator[TrayDesktop]:
    missing = desktop.missing()
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


@pytest.fixture(params=["fake_seat", "tray_desktop", "lxqt_desktop"])
def any_seat(request: pytest.FixtureRequest) -> Seat:
    """All of them: the few expectations that hold the fake and every panel together."""
    found: Seat = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[XFCE, LXQT, MATE], ids=["xfce", "lxqt", "mate"])
def heard_desktop(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[TrayDesktop]:
    """Every real panel in a session in which somebody uses a screen reader."""
    yield from _desktop(TrayDesktop(short_dir, panel=request.param, accessible=True))


@pytest.fixture
def heard_mate(short_dir: Path) -> Iterator[TrayDesktop]:
    """The one of them that the keyboard reaches."""
    yield from _desktop(TrayDesktop(short_dir, panel=MATE, accessible=True))


@pytest.fixture(params=["tray_desktop", "lxqt_desktop"])
def real_desktop(request: pytest.FixtureRequest) -> TrayDesktop:
    """Every real panel, one after the other."""
    found: TrayDesktop = request.getfixturevalue(request.param)
    return found

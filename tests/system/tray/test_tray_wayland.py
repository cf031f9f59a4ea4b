"""The tray in a desktop without X."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.tray_seat import RunningTray
from tests.fakes.tray_wayland import WaylandDesktop

pytestmark = pytest.mark.timeout(120)


def test_icon_is_in_a_wayland_panel(short_dir: Path) -> None:
    """Where there is no DISPLAY the icon is in waybar, about as large as it is asked for."""
    desktop = WaylandDesktop(short_dir)
    if missing := desktop.missing():
        pytest.skip(f"not installed here: {', '.join(missing)}")
    try:
        desktop.open()
        with RunningTray(desktop.env, "alpha") as tray:
            tray.expect("say The tray icon is shown.")
            wide, high = desktop.icon_appears()
            assert 16 <= wide <= 24
            assert 16 <= high <= 24
    finally:
        desktop.close()

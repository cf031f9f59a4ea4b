"""The tray on macOS, with pystray's own backend on a stand-in for AppKit that is as strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tray_seat import RunningTray

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def mac(tmp_path: Path) -> Iterator[RunningTray]:
    """Two servers and their icon; notifications go to a file beside ``osascript``."""
    speaker = tmp_path / "osascript"
    speaker.write_text(
        f'#!/bin/sh\necho "$2" > {tmp_path}/draft; mv {tmp_path}/draft {tmp_path}/notified\n'
    )
    speaker.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    with RunningTray({"PATH": path}, "alpha", "beta", module="tray_on_mac") as tray:
        tray.expect("ready")
        yield tray


def look(mac: RunningTray) -> dict[str, Any]:
    """What is to be seen and heard now."""
    mac.tell("look")
    seen: dict[str, Any] = json.loads(mac.expect("seen").removeprefix("seen "))
    return seen


def test_icon_is_a_sharp_template_with_a_name(mac: RunningTray) -> None:
    """Two pixels to a point, black for the system to paint, named for VoiceOver, not in the Dock;
    drawn on the main thread, or the process would have ended.
    """
    seen = look(mac)
    assert seen.pop("menu")[:2] == ["MCP Proxy - 2 of 2 ready", "Servers (2)"]
    assert seen == {
        "tooltip": "MCP Proxy - 2 of 2 ready",
        "heard": "MCP Proxy - 2 of 2 ready",
        "points": [22, 22],
        "pixels": [44, 44],
        "template": True,
        "colours": [[0, 0, 0]],
        "in the dock": False,
    }


def test_a_click_means_what_was_shown(mac: RunningTray) -> None:
    """The world changes while the menu is open: words beside it change at once, a click does what
    its row said, and the new rows are there when it is closed.
    """
    while "Start at login" not in (before := look(mac)["menu"]):
        pass  # what this computer adds comes a moment after the first picture
    mac.tell("open")
    mac.tell("remove alpha")
    mac.tell("phase beta failed")
    while "0 of 1 ready" not in (seen := look(mac))["heard"]:
        pass
    assert seen["menu"] == before
    mac.tell("click Servers / beta / Restart")
    assert mac.expect("asked") == "asked RestartServer(name='beta')"
    while look(mac)["menu"][:2] != ["MCP Proxy - 1 of 1 ready", "Servers (1)"]:
        pass


@pytest.mark.parametrize("how", ["interrupt", "terminate"])
def test_engine_ends_before_the_application(mac: RunningTray, how: str) -> None:
    """Ctrl-C and Quit (or logging out) ask for a shutdown first; the icon goes after the engine."""
    mac.tell(how)
    assert mac.expect("asked") == "asked Shutdown()"
    mac.expect("over" if how == "interrupt" else "terminated")
    assert mac.ended() == (0, "")


def test_notification_does_not_hold_up_the_icon(mac: RunningTray, tmp_path: Path) -> None:
    """It is shown by another program, while the icon goes on."""
    mac.tell("notice show")
    while not (tmp_path / "notified").exists():
        look(mac)
    assert "already running" in (tmp_path / "notified").read_text()

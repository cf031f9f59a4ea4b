"""The tray on Windows, with pystray's own backend on a stand-in for the Win32 API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.tray_seat import RunningTray
from tray_app.windows_shell import fitting

pytestmark = pytest.mark.timeout(60)

QUERYENDSESSION, ENDSESSION = "0x11", "0x16"
CTRL_C, CTRL_CLOSE = 0, 2


@pytest.fixture
def windows() -> Iterator[RunningTray]:
    """Two servers and their icon."""
    with RunningTray({}, "alpha", "b&b", module="tray_on_windows") as tray:
        tray.expect("ready")
        yield tray


def look(windows: RunningTray) -> dict[str, Any]:
    """What is to be seen now."""
    windows.tell("look")
    seen: dict[str, Any] = json.loads(windows.expect("seen").removeprefix("seen "))
    return seen


def press(windows: RunningTray, button: str) -> None:
    """Click the icon, and wait for the menu."""
    windows.tell(f"press {button}")
    while not look(windows)["menu"]:
        pass


@pytest.mark.parametrize("button", ["L", "R"])
def test_either_button_opens_the_menu(windows: RunningTray, button: str) -> None:
    """A name with an ampersand is shown as it is, and a row does what it says."""
    assert look(windows)["tip"] == "MCP Proxy - 2 of 2 ready"
    press(windows, button)
    windows.tell("choose Servers / b&&b / Restart")
    assert windows.expect("asked") == "asked RestartServer(name='b&b')"


def test_menu_that_is_shown_is_not_taken_away(windows: RunningTray) -> None:
    """The world changes meanwhile: the icon says so at once, a click means what was shown."""
    press(windows, "R")
    windows.tell("remove alpha")
    windows.tell("phase b&b failed")
    while "0 of 1 ready" not in look(windows)["tip"]:
        pass
    windows.tell("choose Servers / alpha / Disable")
    assert windows.expect("asked") == "asked SetEnabled(name='alpha', enabled=False)"
    while "there is no server" not in look(windows).get("told", "").lower():
        pass
    press(windows, "R")
    windows.tell("choose Quit")
    windows.expect("over")
    assert windows.ended() == (0, "")


@pytest.mark.parametrize("event", [CTRL_C, CTRL_CLOSE])
def test_console_asks_for_a_shutdown(windows: RunningTray, event: int) -> None:
    """Ctrl-C, and closing the console's window: the engine ends first, then the program."""
    windows.tell(f"console {event}")
    assert windows.expect("asked") == "asked Shutdown()"
    windows.expect("over")
    assert windows.ended() == (0, "")


def test_logging_off_is_agreed_to_and_ends_the_engine(windows: RunningTray) -> None:
    """Nothing holds the session up; once it is certain, the engine is asked to end."""
    windows.tell(f"session {QUERYENDSESSION}")
    assert windows.expect("answered") == "answered 1"
    windows.tell(f"session {ENDSESSION}")
    assert windows.expect("asked") == "asked Shutdown()"
    windows.expect("over")


def test_second_start_is_told_in_a_notification(windows: RunningTray) -> None:
    """It says that the program runs already."""
    windows.tell("notice show")
    while "already running" not in look(windows).get("told", ""):
        pass


@pytest.mark.parametrize("words", ["x" * 300, "😀" * 200, "short", "é😀" * 90])
def test_words_fit_into_buffers_of_utf_16(words: str) -> None:
    """Whatever the words, no more than 127 units are left of them, and no half character."""
    cut = fitting(words, 127)
    assert len(cut.encode("utf-16-le")) <= 2 * 127
    assert cut == words or cut.endswith("…")

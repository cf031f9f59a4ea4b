"""What a person at a desktop sees and clicks, at the fake panel and at the real one alike."""

from __future__ import annotations

import signal
from time import monotonic

import pytest

from tests.fakes.tray_host import ItemReader, MenuRow
from tests.fakes.tray_seat import RunningTray, Seat
from tests.pace import within


def labels(row: MenuRow) -> list[str]:
    return [each.label for each in row.rows if not each.is_separator]


def test_icon_is_shown_and_menu_tells_the_state(any_seat: Seat) -> None:
    """The icon appears, its title counts the servers, and the menu lists them by name."""
    any_seat.start_panel()
    with RunningTray(any_seat.env, "beta", "alpha", "under_score") as tray:
        tray.expect("ready")
        tray.expect("say The tray icon is shown.")
        any_seat.icon_appears()
        assert any_seat.ask(ItemReader.properties)["Title"] == "MCP Proxy - 3 of 3 ready"
        menu = any_seat.ask(ItemReader.layout)
        while "Start at login" not in labels(menu):  # it comes once the file was looked for
            menu = any_seat.ask(ItemReader.layout)
        assert labels(menu) == [
            "MCP Proxy - 3 of 3 ready",
            "Servers (3)",
            "Recent calls",
            "Add server…",
            "Open dashboard",
            "Open the config file",
            "Copy endpoint URL",
            "Pause all",
            "Snooze notifications",
            "Diagnostics",
            "Start at login",
            "Quit (stops 3 servers)",
        ]
        assert labels(menu.below("Servers")) == [
            "alpha - Ready, 2 tools",
            "beta - Ready, 2 tools",
            "under__score - Ready, 2 tools",
        ]


def test_restart_is_clicked(any_seat: Seat) -> None:
    """Restart in a server's submenu asks the engine to restart that very server."""
    any_seat.start_panel()
    with RunningTray(any_seat.env, "alpha", "beta", "gamma") as tray:
        tray.expect("say The tray icon is shown.")
        any_seat.icon_appears()
        any_seat.choose("Servers", "beta", "Restart")
        assert tray.expect("asked") == "asked RestartServer(name='beta')"


def test_quit_stops_engine_first_and_icon_after(any_seat: Seat) -> None:
    """Quit asks for a shutdown; the program ends by itself and the icon leaves the panel."""
    any_seat.start_panel()
    with RunningTray(any_seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        any_seat.icon_appears()
        any_seat.choose("Quit (stops 1 server)")
        tray.expect("asked Shutdown()")
        tray.expect("over")
        assert tray.ended() == (0, "")


def test_panel_comes_late(any_seat: Seat) -> None:
    """Without a panel the program says so once and runs on; the icon comes with the panel."""
    with RunningTray(any_seat.env, "alpha") as tray:
        tray.expect("ready")
        assert "nothing that shows one" in tray.expect("say No tray icon")
        any_seat.start_panel()
        tray.expect("say The tray icon is shown.")
        tray.tell("phase alpha failed")
        any_seat.icon_appears()
        any_seat.choose("Quit")
        tray.expect("asked Shutdown()")


def test_panel_is_killed_and_started_again(any_seat: Seat) -> None:
    """The icon and its menu are back within 2 s after the panel was killed and started anew."""
    any_seat.start_panel()
    with RunningTray(any_seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        any_seat.icon_appears()
        any_seat.kill_panel()
        tray.expect("say No tray icon")
        began = monotonic()
        any_seat.start_panel()
        tray.expect("say The tray icon is shown.")
        assert monotonic() - began <= within(2.0)
        any_seat.icon_appears()
        any_seat.choose("Servers", "alpha", "Disable")
        assert tray.expect("asked") == "asked SetEnabled(name='alpha', enabled=False)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_is_a_shutdown_intent(fake_seat: Seat, number: signal.Signals) -> None:
    """A signal to end asks the engine to stop, and the program ends with status 0 after it."""
    fake_seat.start_panel()
    with RunningTray(fake_seat.env, "alpha") as tray:
        tray.expect("ready")
        tray.signal(number)
        tray.expect("asked Shutdown()")
        tray.expect("over")
        assert tray.ended() == (0, "")


def test_nohup_is_respected(fake_seat: Seat) -> None:
    """Started with SIGHUP ignored, the program outlives its terminal and still obeys SIGTERM."""
    fake_seat.start_panel()
    with RunningTray(fake_seat.env, "alpha", wrapper=("nohup",)) as tray:
        tray.expect("ready")
        tray.signal(signal.SIGHUP)
        fake_seat.icon_appears()
        tray.tell("phase alpha failed")
        tray.signal(signal.SIGTERM)
        assert tray.expect("asked") == "asked Shutdown()"
        tray.expect("over")

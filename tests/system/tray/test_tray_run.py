"""The tray's part of the program as a child process: notices, refusals, no desktop, the end."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.fakes.tray_host import FakeHost
from tests.fakes.tray_seat import FakeSeat, RunningTray


@pytest.fixture
def seat(fake_seat: FakeSeat) -> FakeSeat:
    """The fake panel, started."""
    fake_seat.start_panel()
    return fake_seat


def notified(seat: FakeSeat, condition: Callable[[str], bool]) -> tuple[str, str]:
    """The notification whose body fulfils the condition, once it is shown."""
    host = seat.host
    assert isinstance(host, FakeHost)

    def found() -> list[tuple[str, str]]:
        return [each for each in host.notifications if condition(each[1])]

    seat.run(host.until(lambda: bool(found())))
    return found()[0]


def test_second_start_makes_the_first_show_itself(seat: FakeSeat) -> None:
    """The notice of a second start becomes a notification that tells the state."""
    with RunningTray(seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        tray.tell("notice show")
        title, _ = notified(seat, lambda body: "already running" in body)
        assert title == "MCP Proxy - 1 of 1 ready"


def test_refused_intent_is_told(seat: FakeSeat) -> None:
    """A click whose intent the engine refuses ends in a notification with the reason."""
    with RunningTray(seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        tray.tell("refuse")
        tray.expect("refuses")
        seat.choose("Servers", "alpha", "Restart")
        assert notified(seat, lambda body: "no server named" in body)[0] == "That did not work"


def test_log_that_is_not_there_is_told(seat: FakeSeat) -> None:
    """View log before there is one says where it will be."""
    with RunningTray(seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        seat.choose("Servers", "alpha", "View log")
        assert notified(seat, lambda body: "/nonexistent/server-alpha.log" in body)


def test_url_is_shown_when_it_cannot_be_copied(seat: FakeSeat) -> None:
    """Without a display no clipboard can be reached: the URL is shown instead."""
    with RunningTray(seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        seat.choose("Copy endpoint URL")
        assert notified(seat, lambda body: "http://127.0.0.1:8080/mcp" in body)


def test_state_follows_the_engine(seat: FakeSeat) -> None:
    """What the engine publishes is in the menu and in the icon's status."""
    with RunningTray(seat.env, "alpha", "beta") as tray:
        tray.expect("say The tray icon is shown.")
        tray.tell("phase beta failed")
        host = seat.host
        assert host is not None

        async def follow() -> str:
            item = await host.item()
            done = await host.until_read(
                item.properties, lambda found: found["Status"] == "NeedsAttention"
            )
            await item.find("beta - Stopped")
            return str(done["Title"])

        assert seat.run(follow()) == "MCP Proxy - 1 of 2 ready, 1 stopped"


@pytest.mark.parametrize(
    ("env", "fix"),
    [
        ({}, "DBUS_SESSION_BUS_ADDRESS is not set"),
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus"}, "No such file"),
        ({"DBUS_SESSION_BUS_ADDRESS": "nonsense"}, "did not contain a transport"),
        ({"XDG_RUNTIME_DIR": "/nonexistent"}, "No such file"),
    ],
)
def test_without_a_bus_it_says_so_and_runs_on(env: dict[str, str], fix: str) -> None:
    """No bus: one line with the reason, no traceback, and a signal still ends it in order."""
    with RunningTray(env, "alpha") as tray:
        tray.expect("ready")
        assert fix in tray.expect("say No tray icon")
        tray.signal(signal.SIGTERM)
        tray.expect("asked Shutdown()")
        tray.expect("over")
        assert tray.ended() == (0, "")


def test_stock_gnome_is_told_its_extension(fake_seat: FakeSeat) -> None:
    """GNOME without a tray: the sentence names the extension that brings one."""
    env = {**fake_seat.env, "XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}
    with RunningTray(env, "alpha") as tray:
        assert "AppIndicator and KStatusNotifierItem Support" in tray.expect("say No tray icon")


def test_engine_that_ends_by_itself_ends_the_icon(seat: FakeSeat) -> None:
    """When the engine has stopped the icon goes and the program returns."""
    with RunningTray(seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        tray.tell("stop")
        tray.expect("over")
        assert tray.ended() == (0, "")

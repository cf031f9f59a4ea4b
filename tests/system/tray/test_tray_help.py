"""What a click on the way out of a fault opens, and what the doctor says of the desktop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tray_host import FakeHost
from tests.fakes.tray_seat import FakeSeat, RunningTray, Seat

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def opener(tmp_path: Path) -> dict[str, str]:
    """A desktop whose opener fails, so that what it was to open is told."""
    program = tmp_path / "xdg-open"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:/usr/bin:/bin"}


def told(seat: FakeSeat, words: str) -> str:
    """The body of the notification that holds the words, once it is shown."""
    host = seat.host
    assert isinstance(host, FakeHost)

    def found() -> list[str]:
        return [body for _, body in host.notifications if words in body]

    seat.run(host.until(lambda: bool(found())))
    return found()[0]


async def needs_attention(seat: FakeSeat) -> None:
    assert isinstance(seat.host, FakeHost)
    item = await seat.host.item()
    await seat.host.until_read(item.properties, lambda found: found["Status"] == "NeedsAttention")


def test_the_page_of_a_fault_is_opened_from_the_menu(
    fake_seat: FakeSeat, opener: dict[str, str]
) -> None:
    """One click below the problem leads to the page of its code."""
    fake_seat.start_panel()
    with RunningTray({**fake_seat.env, **opener}, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        tray.tell("phase alpha failed")
        fake_seat.run(needs_attention(fake_seat))
        fake_seat.choose("alpha - Stopped", "What CRASHED means")
        assert str(ROOT / "docs" / "faults" / "CRASHED.md") in told(fake_seat, "exit status 3")


def test_the_dashboard_is_opened_from_the_menu(fake_seat: FakeSeat, opener: dict[str, str]) -> None:
    """Its first page, the form for a server, and the page of a server that has a problem."""
    fake_seat.start_panel()
    with RunningTray({**fake_seat.env, **opener}, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        tray.tell("phase alpha failed")
        fake_seat.run(needs_attention(fake_seat))
        for labels, page in (
            (["Open dashboard"], ""),
            (["Add server…"], "/add"),
            (["alpha - Stopped", "Open details"], "/servers/alpha"),
        ):
            fake_seat.choose(*labels)
            by_hand = "Open this in your browser within a minute: http://127.0.0.1:1/ui/#code=x;"
            assert told(fake_seat, f"{by_hand}{page}").endswith(f"x;{page}")


def test_the_config_file_is_opened_from_the_menu(fake_seat: FakeSeat) -> None:
    """It is always there to open; here it does not exist, and that is told."""
    fake_seat.start_panel()
    with RunningTray(fake_seat.env, "alpha") as tray:
        tray.expect("say The tray icon is shown.")
        fake_seat.choose("Open the config file")
        assert told(fake_seat, "There is no file") == (
            "There is no file /nonexistent/mcp_config.json"
        )


def tray_finding(env: dict[str, str], directory: Path) -> dict[str, Any]:
    """What the doctor says of the desktop in that environment."""
    done = subprocess.run(
        [sys.executable, "-m", "tray_app", "doctor", "--json", "--data-dir", str(directory)],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory),
            "MCPPROXY_CONFIG": str(directory / "config.json"),
            "MCPPROXY_LISTEN": "127.0.0.1:0",
            **env,
        },
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=30,
    )
    (finding,) = (each for each in json.loads(done.stdout)["findings"] if each["check"] == "tray")
    assert done.returncode == (1 if finding["level"] == "warning" else 0)
    result: dict[str, Any] = finding
    return result


def test_the_doctor_sees_a_panel(seat: Seat, tmp_path: Path) -> None:
    """Where something shows icons, that is well; the fake panel and a real one say so alike."""
    seat.start_panel()
    assert tray_finding(dict(seat.env), tmp_path)["level"] == "ok"


@pytest.mark.parametrize(
    ("desktop", "level", "words"),
    [
        ({"XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}, "warning", "AppIndicator"),
        ({"XDG_CURRENT_DESKTOP": "XFCE"}, "warning", "Add a tray"),
        ({}, "note", "Add a tray"),
    ],
)
def test_the_doctor_misses_a_panel(
    fake_seat: FakeSeat, tmp_path: Path, desktop: dict[str, str], level: str, words: str
) -> None:
    """At a desktop that is wrong, with the remedy; where there is none, it is a note."""
    finding = tray_finding({**fake_seat.env, **desktop}, tmp_path)
    assert finding["level"] == level
    assert words in finding["why"]


def test_the_doctor_without_a_bus(tmp_path: Path) -> None:
    """A bus that is not there is named with its reason."""
    env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus", "DISPLAY": ":77"}
    finding = tray_finding(env, tmp_path)
    assert finding["level"] == "warning"
    assert "No such file" in finding["why"]

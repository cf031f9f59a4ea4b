"""The very first start, the second, one without a tray, and one after a kill; the whole program."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.fakes.tray_host import FakeHost
from tests.fakes.tray_seat import FakeSeat
from tests.program import Home, program
from tests.system.tray.test_tray_chores import at
from tests.system.tray.test_tray_run import notified

pytestmark = pytest.mark.timeout(240)


def host(seat: FakeSeat) -> FakeHost:
    assert isinstance(seat.host, FakeHost)
    return seat.host


async def until(seat: FakeSeat, condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(seat.run, host(seat).until(condition))


async def test_the_first_start_asks_one_question_and_later_ones_none(
    home: Home, fake_seat: FakeSeat
) -> None:
    """Where the icon is, once; the answer is the file of the desktop, and only if it is given."""
    home.configure({})
    file = home.directory / ".config" / "autostart" / "mcpproxy-tray.desktop"
    await asyncio.to_thread(fake_seat.start_panel)
    async with program(home, "run", at(home, fake_seat)):
        title, _ = await asyncio.to_thread(
            notified, fake_seat, lambda body: "Its icon is in the tray" in body
        )
        assert title == "MCP Proxy is running"
        await until(fake_seat, lambda: bool(host(fake_seat).shown))
        ((number, actions),) = host(fake_seat).shown.items()
        assert actions[1::2] == ["Start at login"] * 2
        assert not file.exists(), "off unless it is asked for"
        await asyncio.to_thread(fake_seat.run, _press(fake_seat, number, actions[2]))
        await asyncio.to_thread(
            notified, fake_seat, lambda body: "starts at login from now on" in body
        )
        assert file.exists()
        assert len(host(fake_seat).notifications) == 2

    host(fake_seat).notifications.clear()
    async with program(home, "run", at(home, fake_seat)) as running:
        await asyncio.to_thread(fake_seat.icon_appears)
        # A second start is shown by the first: whatever was to be said before has been said then.
        await running.post("/api/v1/show")
        await asyncio.to_thread(notified, fake_seat, lambda body: "already running" in body)
        assert len(host(fake_seat).notifications) == 1


async def _press(seat: FakeSeat, number: int, action: str) -> None:
    host(seat).press(number, action)


async def test_the_first_start_without_a_tray_says_what_to_do(
    home: Home, fake_seat: FakeSeat
) -> None:
    """On GNOME as it comes: the extension is named, once the panel has had time to come."""
    home.configure({})
    await asyncio.to_thread(fake_seat.start_without_tray)
    environment = {**at(home, fake_seat), "XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}
    async with program(home, "run", environment):
        await asyncio.to_thread(
            notified, fake_seat, lambda body: "AppIndicator and KStatusNotifierItem" in body
        )
        ((_, body),) = host(fake_seat).notifications
        assert "mcpproxy-tray dashboard" in body


async def test_after_a_kill_the_next_start_says_that_it_is_back(
    home: Home, fake_seat: FakeSeat
) -> None:
    """With the logs to look at, once the first half minute is over; an orderly end is no news."""

    def is_back(body: str) -> bool:
        return "ended in the middle" in body

    home.configure({})
    (home.directory / "data").mkdir(exist_ok=True)
    (home.directory / "data" / "welcomed").touch()
    await asyncio.to_thread(fake_seat.start_panel)
    async with program(home, "run", at(home, fake_seat)) as running:
        os.kill(running.process.pid, signal.SIGKILL)
        await running.process.wait()
    async with program(home, "run", at(home, fake_seat)):
        with suppress(TimeoutError):  # one wait is as long as the silence after a start
            await asyncio.to_thread(notified, fake_seat, is_back)
        title, _ = await asyncio.to_thread(notified, fake_seat, is_back)
        assert title == "MCP Proxy is back"
        await until(fake_seat, lambda: bool(host(fake_seat).shown))
        ((_, actions),) = host(fake_seat).shown.items()
        assert actions[1] == "Open the logs"
        assert len(host(fake_seat).notifications) == 1
    assert not (home.directory / "data" / "running").exists()

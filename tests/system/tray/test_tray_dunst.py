"""Notifications in front of a real daemon: shown, used and taken back."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from tests.fakes.tray_desktop import TrayDesktop
from tests.fakes.tray_engine import status
from tests.fakes.tray_shown import ShownTray
from tray_app.alert import Alert

pytestmark = pytest.mark.timeout(120)

LIMIT = 30.0
ALERT = Alert("failed/a", "a - Stopped", "5 < 6 & <b>bold</b>", "View log", "attention/a/:view-log")


class Dunst:
    """The daemon on a desktop, and what it says of itself."""

    def __init__(self, desktop: TrayDesktop) -> None:
        self._env = desktop.env

    async def say(self, *words: str) -> str:
        return await asyncio.to_thread(
            lambda: (
                subprocess.run(
                    ["dunstctl", *words], env=self._env, capture_output=True, text=True, check=False
                ).stdout
            )
        )

    async def until_displayed(self, count: int) -> None:
        """Another program tells nobody what it shows: there is only asking."""
        async with asyncio.timeout(LIMIT):
            while (await self.say("count", "displayed")).strip() != str(count):
                pass

    async def history(self) -> list[dict[str, Any]]:
        data = json.loads(await self.say("history"))["data"][0]
        return [{name: part["data"] for name, part in each.items()} for each in data]


@pytest.fixture
async def dunst(tray_desktop: TrayDesktop) -> AsyncIterator[Dunst]:
    """The daemon, answering."""
    if shutil.which("dunst") is None:
        pytest.skip("not installed here: dunst")
    process = await asyncio.create_subprocess_exec(
        "dunst", env=tray_desktop.env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _owned(tray_desktop.address)
        yield Dunst(tray_desktop)
    finally:
        process.kill()
        await process.wait()


async def _owned(address: str) -> None:
    """Wait until the daemon has its name: asked before, the bus would start another one."""
    bus = await MessageBus(address).connect()
    asked = Message(
        destination="org.freedesktop.DBus",
        path="/org/freedesktop/DBus",
        interface="org.freedesktop.DBus",
        member="NameHasOwner",
        signature="s",
        body=["org.freedesktop.Notifications"],
    )
    async with asyncio.timeout(LIMIT):
        answer = await bus.call(asked)
        while answer is None or not answer.body[0]:
            answer = await bus.call(asked)
    bus.disconnect()
    await bus.wait_for_disconnect()


async def test_a_notification_is_shown_used_and_taken_back(
    tray_desktop: TrayDesktop, dunst: Dunst
) -> None:
    """Its words are plain, its action is the click on the row, and withdrawn it is gone."""
    tray = ShownTray(tray_desktop.address)
    try:
        tray.draw(status("a"))
        await tray.said_times(1)
        tray.alert(ALERT)
        await dunst.until_displayed(1)
        await dunst.say("action")
        await tray.clicked_times(1)
        assert tray.clicked == [ALERT.row_id]
        await dunst.say("close-all")
        await dunst.until_displayed(0)
        (shown,) = await dunst.history()
        assert (shown["summary"], shown["appname"]) == ("a - Stopped", "mcpproxy")
        assert "<b>" not in shown["message"].removeprefix("<b>a - Stopped</b>")
        tray.alert(ALERT)
        await dunst.until_displayed(1)
        tray.shell.ui.post(lambda: tray.shell.withdraw(ALERT.id))
        await dunst.until_displayed(0)
    finally:
        tray.stop()


async def test_while_the_desktop_is_not_to_be_disturbed_nothing_pops_up(
    tray_desktop: TrayDesktop, dunst: Dunst
) -> None:
    """Ours are of normal urgency, so that the daemon holds them back until it is over."""
    tray = ShownTray(tray_desktop.address)
    try:
        tray.draw(status("a"))
        await tray.said_times(1)
        await dunst.say("set-paused", "true")
        tray.alert(ALERT)
        async with asyncio.timeout(LIMIT):
            while (await dunst.say("count", "waiting")).strip() != "1":
                pass
        assert (await dunst.say("count", "displayed")).strip() == "0"
        await dunst.say("set-paused", "false")
        await dunst.until_displayed(1)
    finally:
        tray.stop()

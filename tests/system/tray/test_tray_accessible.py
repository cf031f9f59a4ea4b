"""The tray without eyes and without a mouse, in real panels and through the real AT-SPI bus."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.tray_desktop import TrayDesktop
from tests.fakes.tray_ears import Ears
from tests.fakes.tray_host import ItemReader, MenuRow
from tests.fakes.tray_panels import LXQT
from tests.fakes.tray_seat import RunningTray

pytestmark = pytest.mark.timeout(120)


async def test_every_row_is_spoken_and_reached_by_keyboard(heard_desktop: TrayDesktop) -> None:
    """Arrow keys reach every row that can be used, each is heard by its words and none is
    nameless; Enter in a submenu acts, and Escape closes what is open.
    """
    async with Ears(heard_desktop.address) as ears:
        await asyncio.to_thread(heard_desktop.start_panel)
        with RunningTray(heard_desktop.env, "alpha", "beta") as tray:
            await asyncio.to_thread(tray.expect, "say The tray icon is shown.")
            await asyncio.to_thread(heard_desktop.icon_appears)

            async def key(name: str, reaches: str) -> None:
                await asyncio.to_thread(heard_desktop.press, name)
                await ears.until_reached(reaches)

            async def layout() -> MenuRow:
                return await asyncio.to_thread(heard_desktop.ask, ItemReader.layout)

            # The first look at this computer adds its rows, which would move an open menu's.
            while "Start at login" not in [row.label for row in (await layout()).rows]:
                pass
            await asyncio.to_thread(heard_desktop.open_menu)
            rows = [row for row in (await layout()).rows if not row.is_separator]
            for row in rows:
                if row.enabled:
                    await key("Down", row.label)
            spoken = [thing.name for thing in await ears.menu() if thing.role != "separator"]
            assert spoken == [row.label for row in rows]
            assert ears.rows == [row.label for row in rows if row.enabled]
            await asyncio.to_thread(heard_desktop.close_menus)

            await asyncio.to_thread(heard_desktop.open_menu)
            await key("Down", "Servers (2)")
            await key("Right", "alpha - Ready, 2 tools")
            await key("Down", "beta - Ready, 2 tools")
            await key("Right", "Restart")
            assert [thing.name for thing in await ears.menu()] == ["Restart", "Disable", "View log"]
            await asyncio.to_thread(heard_desktop.press, "Return")
            asked = await asyncio.to_thread(tray.expect, "asked")
            assert asked == "asked RestartServer(name='beta')"
            if heard_desktop.panel is LXQT:  # XFCE's panel says nothing of the icon (decision 32)
                buttons = [each for each in await ears.everything() if each.role == "push button"]
                assert "MCP Proxy - 2 of 2 ready" in [each.description for each in buttons]


async def test_the_icon_is_heard_by_its_name_and_used_by_keyboard(heard_mate: TrayDesktop) -> None:
    """From the desktop to a server's restart without a pointer, each step heard by its words."""
    async with Ears(heard_mate.address) as ears:
        await asyncio.to_thread(heard_mate.start_panel)
        with RunningTray(heard_mate.env, "alpha", "beta") as tray:
            await asyncio.to_thread(tray.expect, "say The tray icon is shown.")
            await asyncio.to_thread(heard_mate.icon_appears)

            async def heard(key: str, role: str) -> str:
                await asyncio.to_thread(heard_mate.press, key)
                return (await ears.until_heard(role)).name

            await heard("ctrl+alt+Tab", "panel")
            assert await heard("Tab", "push button") == "MCP Proxy - 2 of 2 ready"
            await heard("Menu", "menu")
            for key, row in (
                ("Down", "Servers (2)"),
                ("Right", "alpha - Ready, 2 tools"),
                ("Right", "Restart"),
            ):
                await asyncio.to_thread(heard_mate.press, key)
                await ears.until_reached(row)
            await asyncio.to_thread(heard_mate.press, "Return")
            asked = await asyncio.to_thread(tray.expect, "asked")
            assert asked == "asked RestartServer(name='alpha')"

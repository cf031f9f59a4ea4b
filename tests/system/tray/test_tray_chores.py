"""What a click in the menu does on this computer, with the whole program at a desktop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.fakes import faultsrv
from tests.fakes.tray_host import ItemReader
from tests.fakes.tray_seat import Seat
from tests.mcp_http import wire
from tests.program import Home, program
from tests.system.tray.test_tray_attached import until_shown
from tests.system.tray.test_tray_program import labels
from tray_app.chores import unused_for
from tray_app.client import Client

pytestmark = pytest.mark.timeout(240)

COMMAND, *ARGS = faultsrv.command("ok")


def at(home: Home, seat: Seat) -> dict[str, str]:
    """The seat's desktop, with a home of the test's own."""
    own = {"HOME": str(home.directory), "XDG_CONFIG_HOME": str(home.directory / ".config")}
    return {**seat.env, **own}


async def test_start_at_login_is_the_file_and_the_tick_shows_it(home: Home, seat: Seat) -> None:
    """Ticked, the file is there; ticked once more it is gone; removed by hand it is off."""
    home.configure({})
    file = home.directory / ".config" / "autostart" / "mcpproxy-tray.desktop"
    await asyncio.to_thread(seat.start_panel)
    async with program(home, "run", at(home, seat)):
        await asyncio.to_thread(seat.icon_appears)
        await until_shown(seat, "Start at login")
        await asyncio.to_thread(seat.choose, "Start at login")
        await _until(file.exists)
        assert f"--config {home.config_file}" in file.read_text()
        await _until_ticked(seat, True)
        await asyncio.to_thread(seat.choose, "Start at login")
        await _until(lambda: not file.exists())
        await _until_ticked(seat, False)


async def test_an_ai_client_is_connected_and_its_servers_are_taken_over(
    home: Home, seat: Seat
) -> None:
    """One click each; what is taken over waits for approval, and the client's file is ours too."""
    home.configure({})
    cursor = home.directory / ".cursor" / "mcp.json"
    cursor.parent.mkdir()
    cursor.write_text(json.dumps({"mcpServers": {"mine": {"command": COMMAND, "args": ARGS}}}))
    await asyncio.to_thread(seat.start_panel)
    async with program(home, "run", at(home, seat)) as running:
        await asyncio.to_thread(seat.icon_appears)
        await until_shown(seat, "Connect an AI client")
        await asyncio.to_thread(seat.choose, "Take over 1 server", "Take over 1 server from Cursor")
        world = await running.until(lambda world: "mine" in world["servers"])
        assert world["servers"]["mine"]["quarantined"] is True
        await asyncio.to_thread(seat.choose, "Connect an AI client", "Cursor", "Connect")
        await until_shown(seat, "Connected apps: Cursor")
        written = json.loads(cursor.read_text())["mcpServers"]
        assert written["mcpproxy"] == {"url": running.endpoint}
        assert not await labels(seat, "Take over")


async def test_recent_calls_are_in_the_menu(home: Home, seat: Seat) -> None:
    """The newest first, those that failed with another sign; seen when the menu is opened."""
    home.configure({"alpha": {"command": COMMAND, "args": ARGS}})
    await asyncio.to_thread(seat.start_panel)
    async with program(home, "run", at(home, seat)) as running:
        await running.ready()
        await asyncio.to_thread(seat.icon_appears)
        async with wire(f"{running.endpoint}/s/alpha") as client:
            await client.open()
            for number, name in enumerate(("echo", "no_such_tool"), 1):
                await client.ask(number, "tools/call", {"name": name, "arguments": {}})
        await asyncio.to_thread(seat.ask, lambda item: item.about_to_show())
        await until_shown(seat, "✗ alpha:")  # not while the menu is open: that would make it jump
        assert await labels(seat, "✓ alpha:echo, ")
        socket = Client(home.directory / "data" / "mcpproxy.sock")
        used = await asyncio.to_thread(unused_for, socket, "alpha")
        assert used is not None
        assert 0 <= used < 240
        assert await asyncio.to_thread(unused_for, socket, "beta") is None


async def test_all_is_paused_and_resumed(home: Home, seat: Seat) -> None:
    """Every server stops and the menu says so; resumed, those that were enabled come back."""
    home.configure(
        {
            "alpha": {"command": COMMAND, "args": ARGS},
            "beta": {"command": COMMAND, "args": ARGS, "enabled": False},
        }
    )
    await asyncio.to_thread(seat.start_panel)
    async with program(home, "run", at(home, seat)) as running:
        await running.ready("alpha")
        await asyncio.to_thread(seat.icon_appears)
        await asyncio.to_thread(seat.choose, "Pause all")
        await running.until(
            lambda world: {each["status"] for each in world["servers"].values()} == {"disabled"}
        )
        await until_shown(seat, "MCP Proxy - paused")
        await asyncio.to_thread(seat.choose, "Resume all")
        world = await running.ready("alpha")
        assert world["servers"]["beta"]["status"] == "disabled"


async def test_snoozing_says_until_when(home: Home, seat: Seat) -> None:
    """And can be ended before."""
    home.configure({})
    await asyncio.to_thread(seat.start_panel)
    async with program(home, "run", at(home, seat)):
        await asyncio.to_thread(seat.icon_appears)
        await asyncio.to_thread(seat.choose, "Snooze notifications", "For 1 hour")
        await until_shown(seat, "Notifications snoozed until ")
        await asyncio.to_thread(seat.choose, "Notifications snoozed until", "Show them again")
        await until_shown(seat, "Snooze notifications")


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for a file to come or go; nobody tells."""
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(condition):
            pass


async def _until_ticked(seat: Seat, ticked: bool) -> None:
    async def read(item: ItemReader) -> bool:
        layout = await item.layout()
        return any(
            row.label == "Start at login" and row.properties.get("toggle-state") == int(ticked)
            for row in layout.walk()
        )

    async with asyncio.timeout(30):
        while not await asyncio.to_thread(seat.ask, read):
            pass

"""The whole program at a desktop: a click reaches a server, and a death reaches the menu."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from tests.fakes import faultsrv
from tests.fakes.tray_host import ItemReader
from tests.fakes.tray_seat import FakeSeat, Seat
from tests.leaks import alive
from tests.mcp_http import RawClient
from tests.program import Home, Json, program

pytestmark = pytest.mark.timeout(240)

COMMAND, *ARGS = faultsrv.command("ok")


@pytest.fixture
def two_servers(home: Home) -> Home:
    home.configure({name: {"command": COMMAND, "args": ARGS} for name in ("alpha", "beta")})
    return home


def pid_of(name: str, world: Json) -> int:
    pid: int = world["servers"][name]["pid"]
    return pid


async def labels(seat: Seat, start: str) -> list[str]:
    """What the menu shows at the top and under Servers, as the panel last got it."""

    async def read(item: ItemReader) -> list[str]:
        layout = await item.layout()
        return [row.label for row in layout.walk()]

    shown = await asyncio.to_thread(seat.ask, read)
    return [label for label in shown if label.startswith(start)]


async def test_restart_clicked_in_the_menu_gives_the_server_a_new_process(
    two_servers: Home, seat: Seat
) -> None:
    """A real click on alpha's Restart changes alpha's pid, and beta's stays."""
    await asyncio.to_thread(seat.start_panel)
    async with program(two_servers, "run", seat.env) as running:
        before = await running.ready()
        await asyncio.to_thread(seat.icon_appears)
        await asyncio.to_thread(seat.choose, "Servers", "alpha", "Restart")
        after = await running.until(
            lambda world: (
                world["servers"]["alpha"]["status"] == "ready"
                and pid_of("alpha", world) != pid_of("alpha", before)
            )
        )
        assert pid_of("beta", after) == pid_of("beta", before)
        assert not alive(pid_of("alpha", before))


async def test_a_death_is_in_the_menu_and_so_is_the_recovery(two_servers: Home, seat: Seat) -> None:
    """After kill -9 the menu says that the server waits, and later that it is ready again."""
    await asyncio.to_thread(seat.start_panel)
    async with program(two_servers, "run", seat.env) as running:
        await running.ready()
        await asyncio.to_thread(seat.icon_appears)
        async with asyncio.timeout(120):
            # It waits twice as long each time, so that however slow the panel is, it gets to see.
            while not await labels(seat, "beta - Waiting to try again"):
                beta = await running.server("beta")
                if beta["status"] == "ready":
                    with suppress(ProcessLookupError):
                        os.kill(beta["pid"], signal.SIGKILL)
            while not await labels(seat, "beta - Ready"):
                pass
        assert await labels(seat, "MCP Proxy - 2 of 2 ready")


async def test_quit_in_the_menu_stops_everything_and_the_program_ends(
    two_servers: Home, seat: Seat
) -> None:
    """Quit says how many servers it stops, and leaves none of them and no icon."""
    await asyncio.to_thread(seat.start_panel)
    async with program(two_servers, "run", seat.env) as running:
        world = await running.ready()
        await asyncio.to_thread(seat.icon_appears)
        assert await labels(seat, "Quit") == ["Quit (stops 2 servers)"]
        await asyncio.to_thread(seat.choose, "Quit")
        assert await asyncio.wait_for(running.process.wait(), 60) == 0
    assert not [name for name in ("alpha", "beta") if alive(pid_of(name, world))]
    await asyncio.to_thread(seat.icon_is_gone)


async def test_quitting_once_more_waits_for_nothing(home: Home, fake_seat: FakeSeat) -> None:
    """Servers that do not want to end cost seconds; the row that was Quit spares them."""
    command, *args = faultsrv.command("ignore-term")
    home.configure({"stubborn": {"command": command, "args": args}})
    await asyncio.to_thread(fake_seat.start_panel)
    async with program(home, "run", fake_seat.env) as running:
        world = await running.ready()
        await asyncio.to_thread(fake_seat.icon_appears)
        await asyncio.to_thread(fake_seat.choose, "Quit")
        async with asyncio.timeout(30):
            while not await labels(fake_seat, "Quit now, without waiting"):
                pass
        await asyncio.to_thread(fake_seat.choose, "Quit now")
        assert await asyncio.wait_for(running.process.wait(), 60) == 0
    assert not alive(pid_of("stubborn", world))


async def test_without_a_panel_the_program_says_so_and_the_icon_comes_with_one(
    two_servers: Home, seat: Seat
) -> None:
    """No tray host at the start: servers run, and a panel that starts later shows the icon."""
    async with program(two_servers, "run", seat.env) as running:
        await running.ready()
        await asyncio.to_thread(seat.start_panel)
        await asyncio.to_thread(seat.icon_appears)


async def test_a_tick_switches_one_tool_and_restarts_nobody(
    two_servers: Home, fake_seat: FakeSeat
) -> None:
    """It is gone for clients at once, as they are told; a second click brings it back."""
    await asyncio.to_thread(fake_seat.start_panel)
    async with program(two_servers, "run", fake_seat.env) as running:
        before = await running.ready()
        await asyncio.to_thread(fake_seat.icon_appears)
        client = RawClient(running.http, "/mcp/all")
        await client.open()

        async def offered() -> set[str]:
            listed = (await client.ask("tools/list"))["result"]["tools"]
            return {tool["name"] for tool in listed if tool["name"].endswith("__echo")}

        async def until_offered(*names: str) -> None:
            async with asyncio.timeout(30):
                while await offered() != set(names):
                    pass

        await until_offered("alpha__echo", "beta__echo")
        async with asyncio.timeout(30):
            while not (shown := await labels(fake_seat, "Tools ")):
                pass  # the menu follows a moment after the list
        (all_of_them,) = set(shown)  # both are the same program
        await asyncio.to_thread(fake_seat.choose, "Servers", "alpha", "Tools", "echo")
        await until_offered("beta__echo")
        async with asyncio.timeout(30):
            while len(set(await labels(fake_seat, "Tools "))) == 1:
                pass
        await asyncio.to_thread(fake_seat.choose, "Servers", "alpha", "Tools", "echo")
        await until_offered("alpha__echo", "beta__echo")
        async with asyncio.timeout(30):
            while set(await labels(fake_seat, "Tools ")) != {all_of_them}:
                pass
        for name in ("alpha", "beta"):
            assert (await running.server(name))["pid"] == pid_of(name, before)

"""F72, F75: panels and notification daemons that come late, start anew, are missing or hang."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.tray_host import FakeHost, ItemReader, MenuRow
from tests.fakes.tray_seat import FakeSeat
from tests.faults.conftest import SceneMaker
from tests.faults.invariants import eventually
from tests.faults.scene import Scene, entry
from tests.pace import within
from tests.program import ROOT, START_LIMIT, Home

pytestmark = pytest.mark.timeout(300)

TIMES = 50
BACK = within(2.0)  # seconds the icon may be away


@pytest.fixture
def seat(nothing_left: None) -> Iterator[FakeSeat]:
    """A private bus; its panel is not started yet."""
    with tempfile.TemporaryDirectory(prefix="tray-") as directory:
        seat = FakeSeat(Path(directory))
        seat.open()
        try:
            yield seat
        finally:
            seat.close()


def said(home: Home, sentence: str) -> int:
    """How often the program has said it."""
    return (home.directory / "data" / "logs" / "main.log").read_text().count(sentence)


async def shown(seat: FakeSeat) -> None:
    await asyncio.to_thread(seat.icon_appears)


async def in_the_menu(seat: FakeSeat, *starts: str) -> None:
    """Rows whose labels start so are in the menu, now or a moment after the engine's news."""
    missing, labels = list(starts), list[str]()
    deadline = time.monotonic() + BACK
    while missing and time.monotonic() < deadline:
        layout: MenuRow = await asyncio.to_thread(seat.ask, ItemReader.layout)
        labels = [row.label for row in layout.walk()]
        missing = [start for start in starts if not any(map(_starting(start), labels))]
    assert not missing, labels


def _starting(start: str) -> Callable[[str], bool]:
    return lambda label: label.startswith(start)


async def restart_by_click(play: Scene, seat: FakeSeat) -> None:
    """A click in the menu gives the server a new process."""
    pid = play.server("victim")["pid"]
    await in_the_menu(seat, "victim - ")
    await asyncio.to_thread(seat.choose, "Servers", "victim", "Restart")
    await play.until(lambda world: world["servers"]["victim"]["pid"] not in {pid, None})
    await play.ready("victim")


async def test_f72_a_panel_that_starts_anew_gets_the_icon_back_each_time(
    scene: SceneMaker, seat: FakeSeat
) -> None:
    """50 times the watcher's name goes and comes, once the whole panel: the icon is back within
    two seconds with the menu as it is now, and its clicks arrive."""
    seat.start_panel()
    async with scene({"victim": entry()}, desktop=seat.env) as play:
        await play.ready()
        await shown(seat)
        host = seat.host
        assert host is not None

        async def away() -> float:
            began = time.monotonic()
            await host.drop_and_take_names()
            await (await host.item()).properties()
            return time.monotonic() - began

        for _ in range(TIMES):
            assert await asyncio.to_thread(seat.run, away()) < BACK
        await asyncio.to_thread(seat.kill_panel)
        play.configure({"victim": entry(), "later": entry()})
        await play.ready("victim", "later")
        await asyncio.to_thread(seat.start_panel)
        began = time.monotonic()
        await shown(seat)
        assert time.monotonic() - began < BACK
        await in_the_menu(seat, "later - Ready")
        await restart_by_click(play, seat)


async def test_f72_without_a_panel_it_says_so_once_works_and_shows_itself_when_one_comes(
    home: Home, scene: SceneMaker, seat: FakeSeat
) -> None:
    """The servers run and are served; one sentence says why there is no icon; then there is."""
    async with scene({"victim": entry()}, desktop=seat.env) as play:
        await play.recovers("victim", within=START_LIMIT)
        missing = "No tray icon: this desktop has nothing that shows one."
        assert not await eventually(lambda: [] if said(home, missing) else ["not said"])
        await asyncio.to_thread(seat.start_panel)
        await shown(seat)
        await restart_by_click(play, seat)
        assert said(home, missing) == 1


@asynccontextmanager
async def hung(address: str) -> AsyncIterator[None]:
    """A notification daemon that owns its name and is stopped (SIGSTOP)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.tray_notifier", address),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"owned\n"
        process.send_signal(signal.SIGSTOP)
        yield
    finally:
        process.kill()
        await process.communicate()


async def start_without_notifications(seat: FakeSeat) -> None:
    """The panel alone: nobody shows notifications."""

    async def started() -> FakeHost:
        host = FakeHost(seat.bus.address)
        await host.start(notifies=False)
        return host

    seat.host = await asyncio.to_thread(seat.run, started())


async def told_in_the_menu(play: Scene, seat: FakeSeat) -> None:
    """Many notifications are asked for and one server fails: menu and clicks work as ever."""
    await play.ready("victim")
    await shown(seat)
    for _ in range(TIMES):
        await play.running.post("/api/v1/show")
    await play.shows("broken", "failed")
    await in_the_menu(seat, "Needs attention", "broken - Stopped")
    began = time.monotonic()
    await restart_by_click(play, seat)
    assert time.monotonic() - began < BACK


async def test_f75_without_a_notification_daemon_the_menu_tells_it_all(
    scene: SceneMaker, seat: FakeSeat
) -> None:
    """Nobody owns the name: each notification is dropped, and what it said is in the menu."""
    await start_without_notifications(seat)
    servers = {"victim": entry(), "broken": {"command": "/nonexistent/server"}}
    async with scene(servers, desktop=seat.env) as play:
        await told_in_the_menu(play, seat)


async def test_f75_a_notification_daemon_that_hangs_holds_up_nobody(
    scene: SceneMaker, seat: FakeSeat
) -> None:
    """Its owner is stopped and never answers: menu, clicks and the end are as fast as ever."""
    await start_without_notifications(seat)
    servers = {"victim": entry(), "broken": {"command": "/nonexistent/server"}}
    async with hung(seat.bus.address), scene(servers, desktop=seat.env) as play:
        await told_in_the_menu(play, seat)

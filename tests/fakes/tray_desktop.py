"""A whole small desktop without a screen: Xvfb, a private bus, openbox and a panel.

For tests that click a real icon in a real panel. Everything lives in one directory and ends
with ``close``; pictures go to ``test-output/`` of the working directory.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from dbus_fast import Variant
from dbus_fast.aio import MessageBus
from PIL import Image, ImageChops

from tests.fakes.tray_bus import PrivateBus
from tests.fakes.tray_host import WATCHER, ItemReader, MenuRow
from tests.fakes.tray_panels import HEIGHT, XFCE, PanelProgram

PROGRAMS = ("Xvfb", "dbus-daemon", "openbox", "xdotool", "scrot", "xwininfo")
EARS = "/usr/libexec/at-spi-bus-launcher"
LIMIT = 30.0
BETWEEN_LOOKS = 0.05
NONE: Mapping[str, str] = {}
SMALLEST_ICON = 12  # pixels; what is narrower is not all of it
WIDTH = 1280
OUTPUT = Path("test-output") / "tray"

POPUP_SETTLES = 0.5
"""Seconds: GTK swallows a click within 0.4 s of a popup, and nothing on X tells when it is over."""

MENU_FETCHED = 1.0
"""Seconds: a click before the panel has read a new item's menu pops up nothing."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the screen, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def centre(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


def until(look: Callable[[], T], what: str) -> T:
    """Look until the answer is true. A desktop is other programs: there is only looking."""
    end = monotonic() + LIMIT
    while not (found := look()):
        if monotonic() > end:
            raise AssertionError(f"waited {LIMIT:.0f} s in vain until {what}")
        sleep(BETWEEN_LOOKS)
    return found


def unevenness(strip: Image.Image) -> tuple[int, int, int, int] | None:
    """Where something breaks the even ground of a panel: left, top, right, bottom."""
    ground = strip.crop((0, 0, 1, strip.height)).resize(strip.size)
    return ImageChops.difference(strip, ground).getbbox()


class TrayDesktop:
    """The desktop; ``env`` is what a program started in it needs, ``height`` the panel's."""

    def __init__(
        self,
        directory: Path,
        *,
        panel: PanelProgram = XFCE,
        dark: bool = False,
        height: int = HEIGHT,
        accessible: bool = False,
        settings: Mapping[str, str] = NONE,
    ) -> None:
        """``height`` of the panel in pixels; ``accessible``: it speaks to screen readers;
        ``settings`` go before the desktop's own environment.
        """
        self._directory = directory
        self._settings = settings
        self.height = height
        self._accessible = accessible
        self.panel = panel
        self._dark = dark
        self._display: subprocess.Popen[str] | None = None
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self.env: dict[str, str] = {}
        self._bus = PrivateBus(directory)

    @property
    def address(self) -> str:
        return self._bus.address

    def missing(self) -> list[str]:
        """What of it is not installed here."""
        needed = (*PROGRAMS, self.panel.name, *((EARS,) if self._accessible else ()))
        return [name for name in needed if shutil.which(name) is None]

    def open(self) -> None:
        """Start screen, bus and window manager; no panel yet."""
        homes = {
            f"XDG_{name}": str(self._directory / name.lower())
            for name in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "STATE_HOME")
        }
        for home in homes.values():
            Path(home).mkdir(mode=0o700, exist_ok=True)
        settings = Path(homes["XDG_CONFIG_HOME"]) / self.panel.path
        settings.parent.mkdir(parents=True)
        settings.write_text(self.panel.settings_for(height=self.height, dark=self._dark))
        self._display = subprocess.Popen(
            f"Xvfb -displayfd 1 -screen 0 {WIDTH}x800x24 -nolisten tcp -noreset".split(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._display.stdout is not None
        number = self._display.stdout.readline().strip()  # written once it takes clients
        self.env = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            **homes,
            "DISPLAY": f":{number}",
            "DBUS_SESSION_BUS_ADDRESS": self._bus.address,
            "GDK_BACKEND": "x11",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON" if self._accessible else "NO_AT_BRIDGE": "1",
            "GTK_THEME": "Adwaita:dark" if self._dark else "Adwaita",
            **self.panel.env,
            **self._settings,
        }
        self._bus = PrivateBus(self._directory, self.env)
        self._bus.start()
        self.start("openbox", ["openbox"])

    def close(self) -> None:
        for name in list(self._started):
            self.kill(name)
        self._bus.kill()
        if self._display is not None:
            with self._display as display:
                display.terminate()

    def start_panel(self) -> None:
        """Return when the panel is drawn and stands still."""
        self.start("panel", self.panel.argv)
        self.until(self._panel_is_drawn, "the panel is drawn")

    def kill(self, name: str) -> None:
        """Kill what was started under that name, ``panel`` for one."""
        process = self._started.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def kill_panel(self) -> None:
        self.kill("panel")
        self.until(lambda: not self._windows(self.panel.name), "the panel's window is gone")

    def ask(self, question: Callable[[ItemReader], Awaitable[T]]) -> T:
        """Put a question to the one registered item, over a connection of our own."""

        async def connected() -> T:
            bus = await MessageBus(self.address).connect()
            try:
                items = await self._registered(bus)
                if len(items) != 1:
                    raise AssertionError(f"registered with the panel: {items}")
                owner, slash, path = items[0].partition("/")
                return await question(ItemReader(bus, owner, slash + path))
            finally:
                bus.disconnect()
                await bus.wait_for_disconnect()

        return asyncio.run(connected())

    async def _registered(self, bus: MessageBus) -> list[str]:
        watcher = ItemReader(bus, WATCHER, "/StatusNotifierWatcher")
        properties = "org.freedesktop.DBus.Properties"
        (items,) = await watcher.call(
            watcher.path, properties, "Get", "ss", WATCHER, "RegisteredStatusNotifierItems"
        )
        assert isinstance(items, Variant)
        return list(items.value)

    def icon(self) -> Box:
        """Where the icon is: what breaks the panel's even ground, of which nothing else does."""

        def found() -> Box | None:
            box = unevenness(self._strip())
            if box is None or box[2] - box[0] < SMALLEST_ICON:
                return None
            return Box(box[0], box[1], box[2] - box[0], box[3] - box[1])

        return self.until(found, "the icon is in the panel")

    def icon_appears(self) -> None:
        """The icon is in the panel, and the panel has had time to fetch its menu."""
        self.icon()
        self.ask(lambda item: item.layout())
        sleep(MENU_FETCHED)

    def icon_is_gone(self) -> None:
        self.until(lambda: unevenness(self._strip()) is None, "the icon is gone from the panel")

    def open_menu(self) -> Box:
        """Right click the icon; returns where the menu is."""
        return self._popup(lambda: self.click(*self.icon().centre, button=3))

    def open_submenu(self, menu: Box, rows: Sequence[MenuRow], row: MenuRow) -> Box:
        """Click a row of an open menu that has a submenu; returns where that is."""
        return self._popup(lambda: self.click(*self._place(menu, rows, row)))

    def choose(self, *starts: str) -> None:
        """Click from the icon down to the row reached by labels that start so."""
        menu = self.open_menu()
        row = self.ask(lambda item: item.layout())
        for depth, start in enumerate(starts, 1):
            rows = row.rows
            row = row.below(start)
            if depth < len(starts):
                menu = self.open_submenu(menu, rows, row)
            else:
                self.click_row(menu, rows, row)

    def click_row(self, menu: Box, rows: Sequence[MenuRow], row: MenuRow) -> None:
        self.click(*self._place(menu, rows, row))

    def click(self, x: int, y: int, button: int = 1) -> None:
        self._xdotool("mousemove", str(x), str(y))
        sleep(POPUP_SETTLES)
        self._xdotool("click", str(button))

    def press(self, key: str) -> None:
        """Press a key of the keyboard; its name as X knows it."""
        self._xdotool("key", key)

    def close_menus(self) -> None:
        while self.popups():
            before = len(self.popups())
            self.press("Escape")
            self.until(lambda before=before: len(self.popups()) < before, "a menu closes")

    def picture(self, name: str) -> Image.Image:
        """The screen now, kept under that name for people to look at."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        shot = self.seen()
        shot.save(OUTPUT / f"{name}.png")
        return shot

    def seen(self) -> Image.Image:
        """The screen now."""
        shot = self._directory / "seen.png"
        self._run("scrot", "--overwrite", str(shot))
        with Image.open(shot) as picture:
            return picture.convert("RGB")

    def until(self, look: Callable[[], T], what: str) -> T:
        """As the function; a picture is kept of what is to be seen instead."""
        try:
            return until(look, what)
        except AssertionError:
            self.picture("timeout")
            raise

    def _place(self, menu: Box, rows: Sequence[MenuRow], row: MenuRow) -> tuple[int, int]:
        """The middle of a row: separators are thinner, all other rows equally high."""
        separators = sum(each.is_separator for each in rows)
        padding, line = self.panel.padding, self.panel.separator
        high = (menu.height - 2 * padding - separators * line) / (len(rows) - separators)
        y = menu.y + padding
        for each in rows:
            height = line if each.is_separator else high
            if each == row:
                return menu.x + menu.width // 2, round(y + height / 2)
            y += height
        raise AssertionError(f"{row.label} is not in this menu")

    def _popup(self, act: Callable[[], None]) -> Box:
        before = self.popups()
        act()

        def opened() -> Box | None:
            new = {id_: box for id_, box in self.popups().items() if id_ not in before}
            return next(iter(new.values()), None)

        return self.until(opened, "a menu opens")

    def popups(self) -> dict[str, Box]:
        """Menus on the screen: viewable windows that the window manager does not manage."""
        found = {}
        for line in self._tree().splitlines():
            match = WINDOW.match(line)
            if match is None or self.panel.menus not in line:
                continue
            try:
                about = self._run("xwininfo", "-id", match["id"])
            except subprocess.CalledProcessError:
                continue  # it closed between the two looks
            if "Override Redirect State: yes" in about and "Map State: IsViewable" in about:
                box = Box(*(int(match[part]) for part in ("x", "y", "width", "height")))
                placed = box.x >= 0 and box.y >= 0  # a menu is made before it has its place
                if placed and box.height > 1 and box.width > 1:
                    found[match["id"]] = box
        return found

    def _windows(self, name: str) -> list[str]:
        return [line for line in self._tree().splitlines() if name in line]

    def _tree(self) -> str:
        """All windows; looked at again when one of them closed while it was being described."""
        for _ in range(TREE_LOOKS):
            try:
                return self._run("xwininfo", "-root", "-tree")
            except subprocess.CalledProcessError:
                continue
        raise AssertionError("the windows on the screen never stand still")

    def _panel_is_drawn(self) -> bool:
        """Two looks in a row the same, and not the bare screen."""
        first = self._strip()
        sleep(POPUP_SETTLES)
        second = self._strip()
        drawn = second.getextrema() != BLACK
        still = ImageChops.difference(first, second).getbbox() is None
        return drawn and still and bool(self._windows(self.panel.name))

    def _strip(self) -> Image.Image:
        return self.seen().crop((0, 0, WIDTH, self.height))

    def start(self, name: str, argv: Sequence[str]) -> None:
        """Start a program that ``kill`` knows by that name; it ends with the desktop."""
        log = (self._directory / f"{name}.log").open("ab")
        with log:
            self._started[name] = subprocess.Popen(
                argv, env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _xdotool(self, *arguments: str) -> None:
        self._run("xdotool", *arguments)

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            argv, env=self.env, capture_output=True, text=True, timeout=LIMIT, check=True
        )
        return done.stdout


BLACK = ((0, 0), (0, 0), (0, 0))
TREE_LOOKS = 20
WINDOW = re.compile(
    r"\s+(?P<id>0x[0-9a-f]+) .* (?P<width>\d+)x(?P<height>\d+)\+-?\d+\+-?\d+\s+"
    r"\+(?P<x>-?\d+)\+(?P<y>-?\d+)$"
)

"""``python -m tests.screens DIRECTORY``: pictures of all that the tray can look like.

The real icon, drawn from real snapshots, in the real panels of ``tests.fakes.tray_panels``, on a
screen of its own: every state of the icon at three heights of a light and a dark panel, the menu
and its submenus in every situation worth looking at, and notifications in dunst. For people to
look at after a change; nothing is compared. Takes some five minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from PIL import Image, ImageChops

from core.model.approvals import Hold, Review
from core.model.config import Config, Problem, ServerConfig, Stdio
from core.model.faults import Fault, FaultCode
from core.model.status import ConfigProblem, Phase, ServerStatus
from tests.fakes.tray_desktop import NONE, WIDTH, Box, TrayDesktop
from tests.fakes.tray_engine import NOON, ScriptedEngine, status
from tests.fakes.tray_host import ItemReader, MenuRow
from tests.fakes.tray_panels import HEIGHT, LXQT, XFCE, PanelProgram
from tests.fakes.tray_shown import ShownTray
from tray_app.alerts import HOUR, Alerts
from tray_app.icons import write_all
from tray_app.local import App, Importable, Local, RecentCall
from tray_app.view import IconState, TrayView, view_of

HEIGHTS = (24, 32, 48)
FOR_SOME = {"text-200": {"GDK_DPI_SCALE": "2"}, "contrast": {"GTK_THEME": "HighContrastInverse"}}
"""Desktops as people with weak eyes set them."""

MARGIN = 8
HASH = "ab" * 32

MISSING = Fault(FaultCode.SPAWN_ENOENT, '"npx" was not found in the PATH of your login shell.')
CRASHED = Fault(FaultCode.CRASHED, "Ended with exit status 3.")
EARLY = Fault(FaultCode.EXIT_EARLY, "Ended before it was ready (exit status 1): no such option: -x")
NO_HOST = Fault(FaultCode.DNS_FAILED, "Its host has no address.")
SIGN_IN = Fault(FaultCode.AUTH_REQUIRED, "The server wants to know who asks.")
SECRET = Fault(FaultCode.MISSING_SECRET, "GITHUB_TOKEN has no value.")

READY = (status("files", tools=11), status("github", tools=26), status("time", tools=2))
TROUBLED = (
    *READY,
    status("jira", Phase.FAILED, fault=MISSING),
    status("mail", Phase.AUTH_REQUIRED, fault=SIGN_IN),
    status("notes", Phase.FAILED, fault=SECRET),
    status("postgres", Phase.BACKOFF, fault=CRASHED, attempt=3, retry_at=NOON),
    status("search", Phase.BACKOFF, fault=EARLY, attempt=2, retry_at=NOON),
)
OFFLINE = (
    READY[0],
    *(
        status(name, Phase.BACKOFF, fault=NO_HOST, attempt=2, retry_at=NOON)
        for name in ("github", "linear", "sentry")
    ),
)
WAITING = (
    status("files", tools=11, review=Review(hash=HASH, changed=("read_file",), pending=("send",))),
    status("github", tools=26, review=Review(hold=Hold.ASKED, hash=HASH, pending=("search",))),
    status("time", tools=2),
)
AT_HOME = Local(
    starts_at_login=True,
    apps=(
        App(id="claude-code", title="Claude Code", connected=True, undoable=True),
        App(id="cursor", title="Cursor"),
    ),
    calls=(
        RecentCall(NOON, "files", "read_file", True),
        RecentCall(NOON - timedelta(minutes=4), "github", "create_pull_request", False),
    ),
    importable=(Importable("cursor", "Cursor", 2), Importable("zed", "Zed", 1)),
)
BROKEN = ConfigProblem("mcp_config.json", (Problem("mcpServers.time.command", "is missing", 12),))


def _configured(servers: Sequence[ServerStatus]) -> Config:
    """The file that they stand in."""
    entries = {
        each.name: ServerConfig(name=each.name, transport=Stdio(command="server"))
        for each in servers
    }
    return Config(servers=MappingProxyType(entries))


def scenes() -> Mapping[str, TrayView]:
    """Every situation of the menu that is worth looking at, by name."""
    ready = ScriptedEngine(READY).snapshot
    starting = ScriptedEngine([*READY[:2], status("time", Phase.CONNECTING)]).snapshot
    paused = ScriptedEngine([status(each.name, Phase.DISABLED) for each in READY]).snapshot
    many = ScriptedEngine([status(f"server-{n:03}") for n in range(200)]).snapshot
    worse = ScriptedEngine([status(f"s{n}", Phase.FAILED, fault=MISSING) for n in range(12)])
    return {
        "fresh": view_of(ScriptedEngine().snapshot),
        "ready": view_of(ready, AT_HOME),
        "tools": view_of(replace(ready, config=_configured(READY)), AT_HOME),
        "update": view_of(ready, replace(AT_HOME, update="9.8.7")),
        "starting": view_of(starting, AT_HOME),
        "troubled": view_of(ScriptedEngine(TROUBLED).snapshot, AT_HOME),
        "troubled-many": view_of(worse.snapshot, AT_HOME),
        "troubled-alike": view_of(ScriptedEngine(OFFLINE).snapshot, AT_HOME),
        "approvals": view_of(ScriptedEngine(WAITING).snapshot, AT_HOME),
        "many": view_of(many, AT_HOME),
        "paused": view_of(replace(paused, config=Config(paused=True)), AT_HOME),
        "snoozed": view_of(ready, replace(AT_HOME, snoozed_until=NOON)),
        "config-broken": view_of(replace(ready, config_problem=BROKEN), AT_HOME),
        "storage-broken": view_of(replace(ready, storage_problem="The disk is full."), AT_HOME),
        "unreachable": view_of(replace(ready, endpoint=None), AT_HOME),
    }


def states() -> Mapping[IconState, TrayView]:
    """A view for each state of the icon."""
    found = scenes()
    return {
        IconState.OK: found["ready"],
        IconState.STARTING: found["starting"],
        IconState.ATTENTION: found["approvals"],
        IconState.ERROR: found["troubled"],
        IconState.PAUSED: found["paused"],
        IconState.OFFLINE: found["unreachable"],
    }


class Photographer:
    """Takes pictures of one desktop into a directory."""

    def __init__(self, desktop: TrayDesktop, directory: Path, label: str) -> None:
        self._desktop = desktop
        self._directory = directory
        self._label = label

    @contextmanager
    def shows(self, view: TrayView) -> Iterator[ShownTray]:
        """The tray with this view, its icon in the panel; gone again at the end."""
        tray = ShownTray(self._desktop.address)
        try:
            tray.show(view)
            self._desktop.icon_appears()
            yield tray
        finally:
            tray.stop()
            self._desktop.icon_is_gone()

    def icons(self) -> None:
        """One strip with the icon in every state, as the panel draws it, four times as large."""
        found = []
        for state, view in states().items():
            assert view.icon is state
            with self.shows(view):
                box = self._desktop.icon()
                shot = self._desktop.seen()
                middle, high = box.centre[0], self._desktop.height
                found.append(shot.crop((middle - high // 2, 0, middle + high // 2, high)))
        strip = Image.new("RGB", (sum(each.width for each in found), found[0].height))
        for number, each in enumerate(found):
            strip.paste(each, (number * each.width, 0))
        large = strip.resize((4 * strip.width, 4 * strip.height), Image.Resampling.NEAREST)
        large.save(self._directory / f"icons-{self._label}.png")

    def menu(self, name: str, view: TrayView, *, alone: bool = False) -> None:
        """The menu, and, unless ``alone``, once more with each of its submenus open."""
        with self.shows(view):
            menu = self._desktop.open_menu()
            rows = self._desktop.ask(ItemReader.layout).rows
            self._save(f"menu-{self._label}-{name}")
            for number, row in enumerate(rows):
                if row.rows and not alone:
                    try:
                        self._submenu(menu, rows, row, f"menu-{self._label}-{name}-{number}")
                    except AssertionError as missed:  # a busy machine: the menu took it for closing
                        sys.stderr.write(f"{name}, {row.label}: {missed}\n")
                        self._desktop.close_menus()
                        menu = self._desktop.open_menu()
            self._desktop.close_menus()

    def notifications(self) -> None:
        """What a person is told of one server, and of several at once."""
        self._desktop.start("dunst", ["dunst"])
        for name, servers in (("one", TROUBLED[:4]), ("many", TROUBLED)):
            snapshot = ScriptedEngine(servers).snapshot
            alerts = Alerts(-HOUR)
            _, due = alerts.due(snapshot, 0.0)
            assert due is not None
            orders, _ = alerts.due(snapshot, due)
            with self.shows(view_of(snapshot)) as tray:
                before = self._desktop.seen()
                for alert in orders.show:
                    tray.alert(alert)
                shown = self._desktop.until(lambda b=before: self._news(b), "a notification")
                shown.save(self._directory / f"notification-{name}.png")

    def _submenu(self, menu: Box, rows: tuple[MenuRow, ...], row: MenuRow, name: str) -> None:
        """The submenu, and the first one in it, if there is any."""
        submenu = self._desktop.open_submenu(menu, rows, row)
        self._save(name)
        deeper = next((each for each in row.rows if each.rows), None)
        is_open = len(self._desktop.popups()) > 2  # it came up right under the pointer
        if deeper is not None and not is_open:
            self._desktop.open_submenu(submenu, row.rows, deeper)
            self._save(f"{name}-first")

    def _save(self, name: str) -> None:
        """All open menus with some of the panel above them."""
        boxes = self._desktop.popups().values()
        left = min(box.x for box in boxes) - MARGIN
        low = max(box.y + box.height for box in boxes) + MARGIN
        shot = self._desktop.seen().crop((max(left, 0), 0, WIDTH, low))
        shot.save(self._directory / f"{name}.png")

    def _news(self, before: Image.Image) -> Image.Image | None:
        """What is new on the screen, once it stands still."""
        first, second = self._desktop.seen(), self._desktop.seen()
        box = ImageChops.difference(before, first).getbbox()
        still = ImageChops.difference(first, second).getbbox() is None
        return first.crop(box) if box is not None and still else None


@contextmanager
def photographer(
    directory: Path,
    label: str,
    panel: PanelProgram = XFCE,
    *,
    dark: bool = False,
    height: int = HEIGHT,
    settings: Mapping[str, str] = NONE,
) -> Iterator[Photographer]:
    """A desktop with its panel drawn, and who takes pictures of it."""
    with tempfile.TemporaryDirectory(prefix="screens-", ignore_cleanup_errors=True) as home:
        desktop = TrayDesktop(Path(home), panel=panel, dark=dark, height=height, settings=settings)
        try:
            desktop.open()
            desktop.start_panel()
            yield Photographer(desktop, directory, label)
        finally:
            desktop.close()


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    write_all(directory / "icons")
    for dark, ground in ((False, "light"), (True, "dark")):
        for height in HEIGHTS:
            label = f"{ground}-{height}"
            with photographer(directory, label, dark=dark, height=height) as takes:
                takes.icons()
    with photographer(directory, "xfce") as takes:
        for name, view in scenes().items():
            takes.menu(name, view)
        takes.notifications()
    with photographer(directory, "xfce-dark", dark=True) as takes:
        takes.menu("troubled", scenes()["troubled"])
    for label, settings in FOR_SOME.items():
        with photographer(directory, label, settings=settings) as takes:
            takes.icons()
            takes.menu("troubled", scenes()["troubled"], alone=True)  # it may scroll
    with photographer(directory, "lxqt", LXQT) as takes:
        takes.icons()
        for name in ("troubled", "approvals"):
            takes.menu(name, scenes()[name])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.screens DIRECTORY")
    main(Path(sys.argv[1]))

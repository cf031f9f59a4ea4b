"""Draws a TrayView with pystray and hands back the ids of clicked rows; knows nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tray_app import text
from tray_app.alert import Alert
from tray_app.pixmaps import pixmaps
from tray_app.row import Row
from tray_app.ui_thread import LoopThread, UiThread
from tray_app.view import IconState, TrayView

if TYPE_CHECKING:
    import pystray

APP_ID = "mcpproxy"

Clicked = Callable[[str], None]
"""Gets the id of the clicked row, on the UI thread."""

Say = Callable[[str, bool | None], None]
"""Gets one sentence whenever the icon comes or cannot be shown, on the UI thread; and whether it is
shown, or None where there is no desktop that could show anything."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a platform needs otherwise than the others."""

    picture: Callable[[IconState], object]
    label: Callable[[str], str] = str
    title: Callable[[str], str] = str
    beyond_pystray: Callable[[TrayView], None] = lambda _view: None
    alert: Callable[[Alert], None] = lambda _alert: None
    withdraw: Callable[[str], None] = lambda _id: None
    always_has_a_tray: bool = False  # so nobody tells whether the icon is shown


class Shell:
    """The icon, its menu and its notifications; all but ``run`` belong to the UI thread."""

    def __init__(self, ui: UiThread, icon: pystray.Icon, look: Look, clicked: Clicked) -> None:
        self.ui = ui
        self.always_has_a_tray = look.always_has_a_tray
        self._icon = icon
        self._look = look
        self._clicked = clicked
        # The rows that are drawn and what pystray has of each. Making one takes it 50 us, which
        # is not for a thousand servers whenever one of them changes.
        self._drawn: dict[str, tuple[Row, pystray.MenuItem]] = {}
        self._kept: dict[str, tuple[Row, pystray.MenuItem]] = {}
        look.picture(IconState.STARTING)  # reads a file; no loop runs yet that would wait for it

    def run(self, ready: Callable[[], None]) -> None:
        """Run the icon's loop on the main thread until ``stop``; ``ready`` comes first.

        ``ready`` is posted because pystray calls back on a thread of its own, where no icon
        may be touched.
        """
        self._icon.run(lambda _icon: self.ui.post(ready))

    def draw(self, view: TrayView) -> None:
        self._icon.icon = self._look.picture(view.icon)
        self._icon.title = self._look.title(view.title)
        self._look.beyond_pystray(view)
        self._icon.menu = self._menu(view.menu)
        self._drawn, self._kept = self._kept, {}
        self._icon.visible = True

    def notify(self, title: str, body: str) -> None:
        self._icon.notify(body, title)

    def alert(self, alert: Alert) -> None:
        """A notification with its one action, where the platform has such."""
        self._look.alert(alert)

    def withdraw(self, id_: str) -> None:
        """Take a notification back, where the platform can."""
        self._look.withdraw(id_)

    def stop(self) -> None:
        self._icon.stop()

    def _menu(self, rows: Sequence[Row]) -> pystray.Menu:
        import pystray

        return pystray.Menu(*(self._item(row) for row in rows))

    def _item(self, row: Row) -> pystray.MenuItem:
        import pystray

        if row.separator:
            return pystray.Menu.SEPARATOR
        drawn = self._drawn.get(row.id)
        item = drawn[1] if drawn is not None and drawn[0] == row else self._new_item(row)
        self._kept[row.id] = (row, item)
        return item

    def _new_item(self, row: Row) -> pystray.MenuItem:
        import pystray

        action: Callable[[], None] | pystray.Menu
        action = self._menu(row.rows) if row.rows else lambda: self._clicked(row.id)
        label = self._look.label(row.label)

        def is_ticked(_item: pystray.MenuItem) -> bool | None:
            return row.checked

        ticked = is_ticked if row.checked is not None else None
        item = pystray.MenuItem(label, action, checked=ticked, enabled=row.enabled)
        item.key = row.id
        return item


def create(clicked: Clicked, say: Say, looked_at: Callable[[], None]) -> Shell:
    """The shell for this platform; on the main thread, which will run it.

    ``looked_at`` is called on the UI thread when the menu opens, where the platform tells.
    """
    if sys.platform == "darwin":
        from tray_app import mac_shell

        return mac_shell.create(clicked, looked_at)
    if sys.platform == "win32":
        from tray_app import windows_shell

        return windows_shell.create(clicked, looked_at)
    from tray_app.bus import session_address

    return linux(clicked, say, session_address(), looked_at)


def linux(
    clicked: Clicked,
    say: Say,
    address: str | None,
    looked_at: Callable[[], None] = lambda: None,
) -> Shell:
    """The icon over the session bus at ``address`` (None: there is none)."""
    with _no_backend():
        from tray_app.sni_icon import SniIcon
    from tray_app.panel import Placement, Presence

    def placed(placement: Placement) -> None:
        match placement.presence:
            case Presence.SHOWN:
                say(text.ICON_SHOWN, True)
            case Presence.NO_HOST:
                say(text.no_host(os.environ.get("XDG_CURRENT_DESKTOP", "")), False)
            case Presence.NO_BUS:
                say(text.no_bus(placement.reason), None)
            case Presence.REFUSED:
                say(text.refused_by_host(placement.reason), False)

    ui = LoopThread()
    icon = SniIcon(
        APP_ID,
        loop=ui.loop,
        placed=placed,
        address=address,
        clicked=clicked,
        looked_at=looked_at,
    )

    def beyond_pystray(view: TrayView) -> None:
        icon.tooltip = view.tooltip
        icon.urgent = view.icon is IconState.ERROR

    look = Look(
        pixmaps,
        beyond_pystray=beyond_pystray,
        alert=icon.show_alert,
        withdraw=icon.withdraw_alert,
    )
    return Shell(ui, icon, look, clicked)


@contextmanager
def _no_backend() -> Iterator[None]:
    """Let pystray load without looking for GTK or X, whatever the environment asks for.

    It chooses by this variable when it is imported. The variable is put back because child
    processes would inherit it.
    """
    name = "PYSTRAY_BACKEND"
    before = os.environ.get(name)
    os.environ[name] = "dummy"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

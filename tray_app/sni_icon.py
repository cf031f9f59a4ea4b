"""The tray icon on Linux: a pystray icon that speaks to panels over the session bus by itself.

Needs no GTK, no X and no system package (docs/decisions/0007). Attributes may be set from any
thread: that marks what is dirty and pokes the loop, which tells hosts the first change at once
and later ones at most every ``PACE`` seconds, by the smallest signals that say it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterable

from pystray import _base

from tray_app import dbusmenu, menu_object, sni
from tray_app.alert import Alert
from tray_app.bus import Exported, SessionBus
from tray_app.dbusmenu import Entry, MenuTree
from tray_app.notifications import Notifications
from tray_app.panel import Panel, Placement
from tray_app.pixmaps import Pixmap

PACE = 0.1
"""Seconds between two flushes; measured: faster only costs the panel."""

SHAPE_PACE = 0.25
"""Seconds between two words that rows came or went: panels read the whole menu at each."""

KEEPS_SHAPE = 8.0
"""Seconds after a menu was opened during which no row comes, goes or moves."""


class SniIcon(_base.Icon):
    """``icon`` is a tuple of ``Pixmap``; ``tooltip`` and ``urgent`` are beyond pystray's own.

    Menu items may carry a ``key`` attribute that tells them from their siblings; without one
    their place does. ``loop`` must not run yet; ``run`` runs and closes it.
    """

    def __init__(
        self,
        name: str,
        *,
        loop: asyncio.AbstractEventLoop,
        placed: Callable[[Placement], None],
        address: str | None,
        clicked: Callable[[str], None] = lambda _row: None,
        looked_at: Callable[[], None] = lambda: None,
    ) -> None:
        self._looked_at = looked_at
        self._loop = loop
        self._poked = False
        self._menu_changed = True
        self._tooltip = ""
        self._urgent = False
        super().__init__(name)
        self._item = sni.Item(id=name)
        self._tree = MenuTree()
        self._flush_timer: asyncio.TimerHandle | None = None
        self._thaw_timer: asyncio.TimerHandle | None = None
        self._flushed_at = -PACE
        self._open_until = 0.0
        self._layout_at = 0.0  # when hosts may be told of it again
        self._layout_timer: asyncio.TimerHandle | None = None
        self._untold: int | None = None  # the row below which hosts do not know the rows
        self._drawn = asyncio.Event()
        self._stopped = asyncio.Event()
        panel = Panel(placed)
        menu = menu_object.exported(self._tree, self._opened, self._closed, loop.call_soon)
        self._notifications = Notifications(name, clicked)
        listeners = (panel, self._notifications)
        self._bus = SessionBus((self._item_object(), menu), listeners, address)
        panel.use(self._bus)
        self._notifications.use(self._bus)

    @property
    def tooltip(self) -> str:
        """Lines below the title in the tooltip."""
        return self._tooltip

    @tooltip.setter
    def tooltip(self, value: str) -> None:
        self._tooltip = value
        self._poke()

    @property
    def urgent(self) -> bool:
        """Whether hosts that hide icons should show this one now."""
        return self._urgent

    @urgent.setter
    def urgent(self, value: bool) -> None:
        self._urgent = value
        self._poke()

    # What pystray asks of a backend

    def _show(self) -> None:
        self._poke()

    def _hide(self) -> None:
        self._poke()

    def _update_icon(self) -> None:
        self._icon_valid = True
        self._poke()

    def _update_title(self) -> None:
        self._poke()

    def _update_menu(self) -> None:
        self._menu_changed = True
        self._poke()

    def _notify(self, message: str, title: str | None = None) -> None:
        alert = Alert(title or self.title, title or self.title, message)
        self._post(lambda: self._notifications.show(alert))

    def show_alert(self, alert: Alert) -> None:
        """A notification that can be acted on, and taken back."""
        self._post(lambda: self._notifications.show(alert))

    def withdraw_alert(self, id_: str) -> None:
        self._post(lambda: self._notifications.withdraw(id_))

    def _run(self) -> None:
        self._mark_ready()
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    def _stop(self) -> None:
        self._post(self._stopped.set)

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve_bus())
            await self._stopped.wait()
            serving.cancel()

    async def _serve_bus(self) -> None:
        await self._drawn.wait()  # a panel reads everything as soon as we register
        await self._bus.serve()

    # Telling hosts

    def _post(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody sees us any more
            self._loop.call_soon_threadsafe(work)

    def _poke(self) -> None:
        if not self._poked:
            self._poked = True
            self._post(self._flush_soon)

    def _flush_soon(self) -> None:
        if self._flush_timer is None:
            due = max(self._loop.time(), self._flushed_at + PACE)
            self._flush_timer = self._loop.call_at(due, self._flush)

    def _flush(self) -> bool:
        """Bring hosts up to date; returns whether the menu's shape changed."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._flushed_at = self._loop.time()
        self._poked = False  # before looking: what is set from now on pokes again
        before, self._item = self._item, self._item_now()
        for name, signature, body in sni.signals(before, self._item):
            self._bus.emit(sni.PATH, sni.INTERFACE, name, signature, body)
        changed = self._flush_menu()
        if self._visible:
            self._drawn.set()
        return changed

    def _flush_menu(self) -> bool:
        if not self._menu_changed:
            return False
        self._menu_changed = False
        is_open = self._loop.time() < self._open_until
        entries = tuple(self._entries(self._menu)) if self._menu is not None else ()
        changes = self._tree.update(entries, keep_shape=is_open)
        if changes.updated or changes.removed:
            updated = [[id_, dbusmenu.variants(new)] for id_, new in changes.updated]
            removed = [[id_, list(names)] for id_, names in changes.removed]
            self._emit_menu("ItemsPropertiesUpdated", "a(ia{sv})a(ias)", updated, removed)
        if changes.layout is not None:
            self._tell_layout(changes.layout)
        if changes.held_back:
            self._menu_changed = True
            if self._thaw_timer is None:
                self._thaw_timer = self._loop.call_at(self._open_until, self._thaw)
        return changes.layout is not None

    def _tell_layout(self, below: int) -> None:
        """Now or in a moment; whoever asks in between gets what is true."""
        self._untold = below if self._untold in (None, below) else dbusmenu.ROOT
        if self._loop.time() >= self._layout_at:
            self._emit_layout()
        elif self._layout_timer is None:
            self._layout_timer = self._loop.call_at(self._layout_at, self._emit_layout)

    def _emit_layout(self) -> None:
        if self._layout_timer is not None:
            self._layout_timer.cancel()
            self._layout_timer = None
        if self._untold is not None:
            self._emit_menu("LayoutUpdated", "ui", self._tree.revision, self._untold)
            self._untold = None
            self._layout_at = self._loop.time() + SHAPE_PACE

    def _emit_menu(self, name: str, signature: str, *body: object) -> None:
        self._bus.emit(sni.MENU_PATH, dbusmenu.INTERFACE, name, signature, body)

    def _thaw(self) -> None:
        self._thaw_timer = None
        self._flush()  # holds back again if the menu was opened once more meanwhile

    def _item_now(self) -> sni.Item:
        status = sni.NEEDS_ATTENTION if self._urgent else sni.ACTIVE
        pixmaps = self._icon if isinstance(self._icon, tuple) else ()
        return sni.Item(
            id=self.name,
            status=status if self._visible else sni.PASSIVE,
            title=self._title,
            tooltip=self._tooltip,
            pixmaps=tuple(each for each in pixmaps if isinstance(each, Pixmap)),
        )

    def _entries(self, menu: _base.Menu) -> Iterable[Entry]:
        separator_due = False
        for place, item in enumerate(menu):
            if item is _base.Menu.SEPARATOR:
                separator_due = True
                continue
            key = str(getattr(item, "key", place))
            if separator_due:
                separator_due = False
                yield Entry(f"above {key}", separator=True)
            if item.submenu is not None:
                children = tuple(self._entries(item.submenu))
                yield Entry(key, item.text, item.enabled, children=children)
            else:
                click = functools.partial(item, self)
                yield Entry(key, item.text, item.enabled, checked=item.checked, activate=click)

    # What hosts ask and tell

    def _item_object(self) -> Exported:
        return Exported(
            path=sni.PATH,
            interface=sni.INTERFACE,
            methods=sni.METHODS,
            properties=lambda: sni.properties(self._item),
            introspection=sni.introspection(),
        )

    def _opened(self) -> bool:
        """Show the newest, then keep still; returns whether the host should look again.

        Still open or opened again cannot be told apart, as XFCE says of submenus only that
        they close. New rows would come after the menu got its size: scroll arrows and a jump.
        """
        self._looked_at()
        changed = self._flush() or self._untold is not None
        self._emit_layout()
        self._open_until = self._loop.time() + KEEPS_SHAPE
        return changed

    def _closed(self) -> None:
        self._open_until = 0.0
        if self._thaw_timer is not None:
            self._thaw_timer.cancel()
            self._thaw_timer = None
            self._loop.call_soon(self._flush)

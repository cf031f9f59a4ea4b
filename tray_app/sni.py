"""The icon as org.kde.StatusNotifierItem: its properties and the signals a change needs; pure.

Interface: freedesktop.org's StatusNotifierItem with KDE's names, plus the accessible
descriptions and Ayatana properties that GNOME's extension asks for; no XAyatanaLabel, since MATE's
panel shows an empty one in place of the icon (decision 32). The icon is sent as pixmaps: names of
themed icons would need files installed where the panel looks.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

from dbus_fast import Variant

from tray_app.bus import Method
from tray_app.pixmaps import Pixmap

INTERFACE = "org.kde.StatusNotifierItem"
PATH = "/StatusNotifierItem"
MENU_PATH = "/StatusNotifierItem/Menu"

WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_PATH = "/StatusNotifierWatcher"

ACTIVE, PASSIVE, NEEDS_ATTENTION = "Active", "Passive", "NeedsAttention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What the panel is told about the icon."""

    id: str
    status: str = PASSIVE
    title: str = ""
    tooltip: str = ""
    pixmaps: tuple[Pixmap, ...] = ()


def properties(item: Item) -> dict[str, Variant]:
    """Everything any host asks for."""
    tooltip = html.escape(item.tooltip, quote=False)  # hosts read markup in this part
    pictures = [[each.width, each.height, each.argb] for each in item.pixmaps]
    return {
        "Category": Variant("s", "ApplicationStatus"),
        "Id": Variant("s", item.id),
        "Title": Variant("s", item.title),
        "Status": Variant("s", item.status),
        "WindowId": Variant("i", 0),
        "IconName": Variant("s", ""),
        "IconPixmap": Variant("a(iiay)", pictures),
        "IconAccessibleDesc": Variant("s", item.title),
        "OverlayIconName": Variant("s", ""),
        "OverlayIconPixmap": Variant("a(iiay)", []),
        "AttentionIconName": Variant("s", ""),
        "AttentionIconPixmap": Variant("a(iiay)", pictures),
        "AttentionAccessibleDesc": Variant("s", item.title),
        "AttentionMovieName": Variant("s", ""),
        "ToolTip": Variant("(sa(iiay)ss)", ["", [], item.title, tooltip]),
        "IconThemePath": Variant("s", ""),
        "Menu": Variant("o", MENU_PATH),
        "ItemIsMenu": Variant("b", True),
        "XAyatanaOrderingIndex": Variant("u", 0),
    }


def signals(before: Item, after: Item) -> Iterable[tuple[str, str, list[object]]]:
    """Name, signature and body of each signal that leads hosts from one to the other."""
    if before.pixmaps != after.pixmaps:
        yield "NewIcon", "", []
        yield "NewAttentionIcon", "", []
    if before.title != after.title:
        yield "NewTitle", "", []
    if (before.title, before.tooltip) != (after.title, after.tooltip):
        yield "NewToolTip", "", []
    if before.status != after.status:
        yield "NewStatus", "s", [after.status]


def _ignored(*_: object) -> list[object]:
    """Left click, middle click, wheel: hosts differ too much to give them a meaning."""
    return []


METHODS = {
    "Activate": Method("ii", "", _ignored),
    "ContextMenu": Method("ii", "", _ignored),
    "SecondaryActivate": Method("ii", "", _ignored),
    "XAyatanaSecondaryActivate": Method("u", "", _ignored),
    "Scroll": Method("is", "", _ignored),
    "ProvideXdgActivationToken": Method("s", "", _ignored),
}


def introspection() -> str:
    """What D-Bus browsers and hosts that look before they ask are shown."""
    blank = properties(Item(id=""))
    rows = [
        f'<property name="{name}" type="{value.signature}" access="read"/>'
        for name, value in blank.items()
    ]
    rows += [
        f'<method name="{name}">'
        + "".join(f'<arg type="{one}" direction="in"/>' for one in method.takes)
        + "</method>"
        for name, method in METHODS.items()
    ]
    names = ("Title", "Icon", "AttentionIcon", "OverlayIcon", "ToolTip", "IconThemePath", "Menu")
    rows += [f'<signal name="New{name}"/>' for name in names]
    rows.append('<signal name="NewStatus"><arg type="s"/></signal>')
    return f'<interface name="{INTERFACE}">{"".join(rows)}</interface>'

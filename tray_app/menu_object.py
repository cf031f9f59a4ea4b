"""The menu's face on the bus: answers what hosts ask, says when it opens, closes or is clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dbus_fast import Variant

from tray_app import sni
from tray_app.bus import BadArguments, Exported, Method
from tray_app.dbusmenu import INTERFACE, ROOT, MenuTree, variants

VERSION = 3
"""Of the protocol; what libdbusmenu speaks."""


def exported(
    tree: MenuTree,
    opened: Callable[[], bool],
    closed: Callable[[], None],
    soon: Callable[[Callable[[], None]], object],
) -> Exported:
    """The object to export.

    ``opened`` is called before a menu shows and returns whether rows came or went with that;
    ``closed`` when the menu is gone; ``soon`` defers a click until the host has its answer.
    """
    asked = _Asked(tree, opened, closed, soon)
    return Exported(
        path=sni.MENU_PATH,
        interface=INTERFACE,
        methods={
            "GetLayout": Method("iias", "u(ia{sv}av)", asked.layout),
            "GetGroupProperties": Method("aias", "a(ia{sv})", asked.group_properties),
            "GetProperty": Method("is", "v", asked.one_property),
            "Event": Method("isvu", "", asked.event),
            "EventGroup": Method("a(isvu)", "ai", asked.event_group),
            "AboutToShow": Method("i", "b", asked.about_to_show),
            "AboutToShowGroup": Method("ai", "aiai", asked.about_to_show_group),
        },
        properties=_properties,
        introspection=INTROSPECTION,
    )


def _properties() -> dict[str, Variant]:
    return {
        "Version": Variant("u", VERSION),
        "TextDirection": Variant("s", "ltr"),
        "Status": Variant("s", "normal"),
        "IconThemePath": Variant("as", []),
    }


class _Asked:
    """The methods; each returns the body of the answer."""

    def __init__(
        self,
        tree: MenuTree,
        opened: Callable[[], bool],
        closed: Callable[[], None],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._tree = tree
        self._opened = opened
        self._closed = closed
        self._soon = soon

    def layout(self, parent: int, depth: int, names: Sequence[str]) -> list[object]:
        return [self._tree.revision, self._tree.layout(parent, depth, names)]

    def group_properties(self, ids: Sequence[int], names: Sequence[str]) -> list[object]:
        known = [id_ for id_ in ids or self._tree.all_ids() if id_ in self._tree]
        return [[[i, variants(self._tree.node(i).properties, names)] for i in known]]

    def one_property(self, id_: int, name: str) -> list[object]:
        found = variants(self._tree.node(id_).properties, [name])
        if name not in found:
            raise BadArguments(f"menu row {id_} has no {name}")
        return [found[name]]

    def event(self, id_: int, kind: str, _data: object, _time: int) -> list[object]:
        node = self._tree.node(id_)
        if kind == "opened":
            self._opened()
        elif kind == "closed" and id_ == ROOT:
            self._closed()
        elif kind == "clicked" and node.activate is not None:
            self._closed()  # every host closes the menu on a click
            if node.properties.get("enabled", True):
                self._soon(node.activate)
        return []

    def event_group(self, events: Sequence[tuple[int, str, object, int]]) -> list[object]:
        for id_, kind, data, time in events:
            if id_ in self._tree:
                self.event(id_, kind, data, time)
        return [[event[0] for event in events if event[0] not in self._tree]]

    def about_to_show(self, id_: int) -> list[object]:
        self._tree.node(id_)
        return [self._opened()]

    def about_to_show_group(self, ids: Sequence[int]) -> list[object]:
        needs_update = [ROOT] if self._opened() else []
        return [needs_update, [id_ for id_ in ids if id_ not in self._tree]]


INTROSPECTION = f"""<interface name="{INTERFACE}">
<property name="Version" type="u" access="read"/>
<property name="TextDirection" type="s" access="read"/>
<property name="Status" type="s" access="read"/>
<property name="IconThemePath" type="as" access="read"/>
<method name="GetLayout"><arg type="i" direction="in"/><arg type="i" direction="in"/>
<arg type="as" direction="in"/><arg type="u" direction="out"/>
<arg type="(ia{{sv}}av)" direction="out"/></method>
<method name="GetGroupProperties"><arg type="ai" direction="in"/><arg type="as" direction="in"/>
<arg type="a(ia{{sv}})" direction="out"/></method>
<method name="GetProperty"><arg type="i" direction="in"/><arg type="s" direction="in"/>
<arg type="v" direction="out"/></method>
<method name="Event"><arg type="i" direction="in"/><arg type="s" direction="in"/>
<arg type="v" direction="in"/><arg type="u" direction="in"/></method>
<method name="EventGroup"><arg type="a(isvu)" direction="in"/>
<arg type="ai" direction="out"/></method>
<method name="AboutToShow"><arg type="i" direction="in"/><arg type="b" direction="out"/></method>
<method name="AboutToShowGroup"><arg type="ai" direction="in"/><arg type="ai" direction="out"/>
<arg type="ai" direction="out"/></method>
<signal name="ItemsPropertiesUpdated"><arg type="a(ia{{sv}})"/><arg type="a(ias)"/></signal>
<signal name="LayoutUpdated"><arg type="u"/><arg type="i"/></signal>
</interface>"""

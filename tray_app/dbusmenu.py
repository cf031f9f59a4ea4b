"""The menu as com.canonical.dbusmenu: stable ids, the smallest change, no jump while open; pure.

Interface: libdbusmenu's dbus-menu.xml, version 3. Row 0 is the root. Ids are given by the path
of keys from the root and are never used for anything else, so that an open menu survives
changes of labels and a late click means what was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbus_fast import Variant

from tray_app.bus import BadArguments

INTERFACE = "com.canonical.dbusmenu"
ROOT = 0

Value = str | bool | int
Properties = Mapping[str, Value]
SUBMENU: Properties = {"children-display": "submenu"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as it should be; ``key`` tells it from its siblings."""

    key: str
    label: str = ""
    enabled: bool = True
    separator: bool = False
    checked: bool | None = None
    children: tuple[Entry, ...] = ()
    activate: Callable[[], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Node:
    """One row as hosts see it; only what differs from the protocol's defaults."""

    properties: Properties
    children: tuple[int, ...] = ()
    activate: Callable[[], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """What hosts must be told, and whether a change of shape is still held back."""

    updated: tuple[tuple[int, Properties], ...] = ()
    removed: tuple[tuple[int, tuple[str, ...]], ...] = ()
    layout: int | None = None  # the row below which rows came, went or moved
    held_back: bool = False


class MenuTree:
    """The rows that hosts know."""

    def __init__(self) -> None:
        self.revision = 1
        self._nodes: dict[int, Node] = {ROOT: Node(SUBMENU)}
        self._ids: dict[tuple[int, str], int] = {}

    def update(self, entries: Sequence[Entry], *, keep_shape: bool = False) -> Changes:
        """Become these rows. With ``keep_shape`` no row comes, goes or moves: rows that should
        go are greyed, the others show their new words.
        """
        wanted: dict[int, Node] = {}
        self._build(ROOT, Entry("", children=tuple(entries)), wanted)
        wanted[ROOT] = replace(wanted[ROOT], properties=SUBMENU)
        before = self._nodes
        held_back = keep_shape and _shape(wanted) != _shape(before)
        if held_back:
            wanted = {id_: _as_before(node, wanted.get(id_)) for id_, node in before.items()}
        self._nodes = wanted
        moved = [
            id_
            for id_, node in wanted.items()
            if id_ in before and before[id_].children != node.children
        ]
        if moved:
            self.revision += 1
        both = [
            (id_, before[id_].properties, node.properties)
            for id_, node in wanted.items()
            if id_ in before and before[id_].properties != node.properties
        ]
        return Changes(
            updated=tuple((id_, new_in) for id_, old, new in both if (new_in := _new(old, new))),
            removed=tuple((id_, gone) for id_, old, new in both if (gone := _gone(old, new))),
            layout=(moved[0] if len(moved) == 1 else ROOT) if moved else None,
            held_back=held_back,
        )

    def node(self, id_: int) -> Node:
        """Raises BadArguments for a row that is not there (any more)."""
        try:
            return self._nodes[id_]
        except KeyError:
            raise BadArguments(f"no menu row {id_}") from None

    def layout(self, id_: int, depth: int, names: Sequence[str]) -> list[object]:
        """The structure ``(ia{sv}av)`` below a row, ``depth`` levels deep (-1: all)."""
        node = self.node(id_)
        children: list[object] = []
        if depth != 0:
            children = [
                Variant("(ia{sv}av)", self.layout(child, depth - 1, names))
                for child in node.children
            ]
        return [id_, variants(node.properties, names), children]

    def all_ids(self) -> Sequence[int]:
        return tuple(self._nodes)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._nodes

    def _build(self, id_: int, entry: Entry, into: dict[int, Node]) -> None:
        children = []
        for child in entry.children:
            child_id = self._ids.setdefault((id_, child.key), len(self._ids) + 1)
            children.append(child_id)
            self._build(child_id, child, into)
        into[id_] = Node(_properties(entry), tuple(children), entry.activate)


_SIGNATURES = {str: "s", bool: "b", int: "i"}


def variants(properties: Properties, names: Sequence[str] = ()) -> dict[str, Variant]:
    """The properties with their D-Bus types; only ``names``, unless that is empty."""
    return {
        name: Variant(_SIGNATURES[type(value)], value)
        for name, value in properties.items()
        if not names or name in names
    }


def _properties(entry: Entry) -> Properties:
    if entry.separator:
        return {"type": "separator"}
    properties: dict[str, Value] = {"label": entry.label.replace("_", "__")}
    if not entry.enabled:
        properties["enabled"] = False
    if entry.checked is not None:
        properties["toggle-type"] = "checkmark"
        properties["toggle-state"] = int(entry.checked)
    if entry.children:
        properties.update(SUBMENU)
    return properties


def _shape(nodes: Mapping[int, Node]) -> dict[int, tuple[int, ...]]:
    return {id_: node.children for id_, node in nodes.items()}


def _as_before(before: Node, wanted: Node | None) -> Node:
    """The row with its new words in the old shape."""
    if wanted is None:
        grey = {} if "type" in before.properties else {"enabled": False}
        return Node({**before.properties, **grey}, before.children)
    properties = {name: v for name, v in wanted.properties.items() if name not in SUBMENU}
    if before.children:
        properties.update(SUBMENU)
    return Node(properties, before.children, wanted.activate)


def _new(old: Properties, new: Properties) -> Properties:
    return {name: value for name, value in new.items() if old.get(name) != value}


def _gone(old: Properties, new: Properties) -> tuple[str, ...]:
    return tuple(name for name in old if name not in new)

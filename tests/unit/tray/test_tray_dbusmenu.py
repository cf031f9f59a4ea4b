"""The menu tree: what hosts are told always leads them to what is meant, by the smallest change."""

from __future__ import annotations

import pytest
from dbus_fast.unpack import unpack_variants
from hypothesis import given
from hypothesis import strategies as st

from tray_app.bus import BadArguments
from tray_app.dbusmenu import ROOT, Changes, Entry, MenuTree

ALPHA = Entry("alpha", "alpha - Ready", children=(Entry("r", "Restart"), Entry("l", "View log")))
BETA = Entry("beta", "beta - Ready", children=(Entry("r", "Restart"), Entry("l", "View log")))


class Mirror:
    """A host: knows the first layout and what it was told since."""

    def __init__(self, tree: MenuTree) -> None:
        self._tree = tree
        self.properties: dict[int, dict[str, object]] = {}
        self.children: dict[int, list[int]] = {}
        self._read(ROOT)

    def follow(self, changes: Changes) -> None:
        for id_, new in changes.updated:
            self.properties[id_].update(new)
        for id_, gone in changes.removed:
            for name in gone:
                self.properties[id_].pop(name)
        if changes.layout is not None:
            self._read(changes.layout)

    def seen(self, id_: int = ROOT) -> object:
        return self.properties[id_], [self.seen(child) for child in self.children[id_]]

    def _read(self, id_: int) -> None:
        self._keep(unpack_variants(self._tree.layout(id_, -1, [])))

    def _keep(self, layout: list[object]) -> None:
        id_, properties, children = layout
        assert isinstance(id_, int)
        assert isinstance(properties, dict)
        assert isinstance(children, list)
        self.properties[id_] = properties
        self.children[id_] = [child[0] for child in children]
        for child in children:
            self._keep(child)


def meant(entries: tuple[Entry, ...]) -> object:
    """What a host should show for these entries."""

    def one(entry: Entry) -> object:
        if entry.separator:
            return {"type": "separator"}, []
        properties: dict[str, object] = {"label": entry.label.replace("_", "__")}
        if not entry.enabled:
            properties["enabled"] = False
        if entry.children:
            properties["children-display"] = "submenu"
        return properties, [one(child) for child in entry.children]

    return {"children-display": "submenu"}, [one(entry) for entry in entries]


def tree_of(*entries: Entry) -> MenuTree:
    tree = MenuTree()
    tree.update(entries)
    return tree


def id_of(tree: MenuTree, *path: int) -> int:
    id_ = ROOT
    for place in path:
        id_ = tree.node(id_).children[place]
    return id_


def test_new_words_are_told_without_layout() -> None:
    """A changed label goes out alone; the shape's revision stays."""
    tree = tree_of(ALPHA, BETA)
    revision = tree.revision
    changes = tree.update((ALPHA, Entry("beta", "beta - Stopping", children=BETA.children)))
    assert changes == Changes(updated=((id_of(tree, 1), {"label": "beta - Stopping"}),))
    assert tree.revision == revision


def test_property_back_at_its_default_is_removed() -> None:
    """A row that may be clicked again loses ``enabled`` instead of carrying it for ever."""
    tree = tree_of(Entry("a", "A", enabled=False))
    changes = tree.update((Entry("a", "A"),))
    assert changes == Changes(removed=((id_of(tree, 0), ("enabled",)),))


def test_change_below_one_row_names_that_row() -> None:
    """Rows that come below one submenu make hosts read that submenu only."""
    tree = tree_of(ALPHA, BETA)
    beta = id_of(tree, 1)
    more = Entry("beta", BETA.label, children=(*BETA.children, Entry("d", "Disable")))
    assert tree.update((ALPHA, more)).layout == beta


def test_changes_in_two_places_name_the_root() -> None:
    """Rows that come in two places make hosts read everything once."""
    tree = tree_of(ALPHA, BETA)
    changes = tree.update(
        tuple(Entry(e.key, e.label, children=(*e.children, Entry("d"))) for e in (ALPHA, BETA))
    )
    assert changes.layout == ROOT


def test_nothing_new_is_nothing_to_tell() -> None:
    """The same entries again cause no signal."""
    tree = tree_of(ALPHA, BETA)
    assert tree.update((ALPHA, BETA)) == Changes()


def test_ids_come_back_and_are_never_given_to_others() -> None:
    """A row that leaves and returns has its id again; a newcomer gets a fresh one."""
    tree = tree_of(ALPHA, BETA)
    alpha, beta = id_of(tree, 0), id_of(tree, 1)
    tree.update((BETA,))
    assert id_of(tree, 0) == beta
    tree.update((BETA, Entry("new", "New")))
    assert id_of(tree, 1) not in (alpha, beta)
    tree.update((ALPHA, BETA))
    assert (id_of(tree, 0), id_of(tree, 1)) == (alpha, beta)


def test_open_menu_keeps_its_rows_and_greys_what_went() -> None:
    """While open no row moves; one that went cannot be clicked; the others show new words."""
    tree = tree_of(ALPHA, BETA)
    alpha, beta = id_of(tree, 0), id_of(tree, 1)
    changes = tree.update((Entry("beta", "beta - Stopping"), Entry("new", "New")), keep_shape=True)
    assert changes.layout is None
    assert changes.held_back
    assert tree.node(ROOT).children == (alpha, beta)
    assert tree.node(alpha).properties["enabled"] is False
    assert tree.node(beta).properties["label"] == "beta - Stopping"
    assert tree.node(tree.node(beta).children[0]).properties["enabled"] is False


def test_rows_that_are_not_there_are_an_error() -> None:
    """Asking for an unknown row is the caller's mistake, told as such."""
    with pytest.raises(BadArguments, match="no menu row 99"):
        tree_of(ALPHA).layout(99, -1, [])


def test_layout_is_as_deep_and_as_wide_as_asked() -> None:
    """Depth and property names limit the answer."""
    tree = tree_of(Entry("a", "A", enabled=False, children=(Entry("b", "B"),)))
    assert unpack_variants(tree.layout(ROOT, 0, [])) == [ROOT, {"children-display": "submenu"}, []]
    (child,) = unpack_variants(tree.layout(ROOT, 1, ["label"]))[2]
    assert child[1:] == [{"label": "A"}, []]


def entries(depth: int = 1) -> st.SearchStrategy[tuple[Entry, ...]]:
    children = entries(depth - 1) if depth else st.just(())
    one = st.builds(
        Entry,
        key=st.sampled_from("abc"),
        label=st.sampled_from(("x", "y", "a_b")),
        enabled=st.booleans(),
        separator=st.just(False),
        children=children,
    )
    row = st.one_of(one, st.builds(Entry, key=st.just("-"), separator=st.just(True)))
    return st.lists(row, max_size=4, unique_by=lambda entry: entry.key).map(tuple)


@given(st.lists(st.tuples(entries(), st.booleans()), min_size=1, max_size=4))
def test_a_host_that_follows_sees_what_is_meant(
    steps: list[tuple[tuple[Entry, ...], bool]],
) -> None:
    """Whatever changes, open or not, following the signals equals reading everything anew; and
    once nothing is held back the host sees exactly what is meant.
    """
    tree = MenuTree()
    host = Mirror(tree)
    for wanted, is_open in steps:
        changes = tree.update(wanted, keep_shape=is_open)
        assert not (is_open and changes.layout is not None)
        assert changes.held_back <= is_open
        host.follow(changes)
        assert host.seen() == Mirror(tree).seen()
        if not changes.held_back:
            assert host.seen() == meant(wanted)

"""An engine elsewhere: its events fold to the world it has, whatever was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import ServerName
from core.model.status import EnginePhase, Phase, ServerStatus, Snapshot
from core.web import wire
from tests.unit.tray.test_tray_view import BROKEN_FILE, ENDPOINT, MISSING, NOON, status, world
from tray_app.actions import Verb
from tray_app.attached.view import view_from_afar
from tray_app.attached.world import World, unreachable
from tray_app.local import NOTHING_KNOWN
from tray_app.view import IconState, view_of

Json = dict[str, object]


def sent(shape: msgspec.Struct) -> Json:
    data: Json = msgspec.json.decode(msgspec.json.encode(shape))
    return data


def plain(snapshot: Snapshot) -> Snapshot:
    """As much of a snapshot as crosses the wire and matters to the tray."""
    servers = {
        name: replace(each, peer=replace(each.peer, tools=()) if each.peer is not None else None)
        for name, each in snapshot.servers.items()
    }
    return replace(snapshot, servers=MappingProxyType(servers))


SERVERS = [
    status("a"),
    status("b", Phase.BACKOFF, fault=MISSING, retry_at=NOON),
    status("c", Phase.DISABLED),
    status("d", Phase.FAILED, fault=MISSING),
]


@given(st.lists(st.sets(st.sampled_from(range(len(SERVERS)))), min_size=1, max_size=6), st.data())
def test_events_fold_to_the_present_world(worlds: list[set[int]], data: st.DataObject) -> None:
    """A snapshot, then deltas since what was last seen, some worlds having been skipped."""
    seq = 1
    snapshots: list[Snapshot] = []
    before: dict[ServerName, ServerStatus] = {}
    for chosen in worlds:
        seq += 1
        servers = {
            each.name: before.get(each.name) or replace(each, rev=seq)
            for index, each in enumerate(SERVERS)
            if index in chosen
        }
        before = servers
        snapshots.append(replace(world(*servers.values()), seq=seq))
    far = World()
    first, *later = snapshots
    far.fold("snapshot", sent(wire.snapshot_json(first)))
    seen = first
    for snapshot in later:
        if data.draw(st.booleans()):
            changed = [each for each in snapshot.servers.values() if each.rev > seen.seq]
            same = seen.servers.keys() == snapshot.servers.keys() and data.draw(st.booleans())
            names = None if same else snapshot.servers
            far.fold("delta", sent(wire.delta_json(snapshot, seen.seq, changed, names)))
            seen = snapshot
    assert far.snapshot == plain(seen)


@pytest.mark.parametrize(
    "snapshot",
    [
        world(*SERVERS),
        world(problem=BROKEN_FILE),
        world(status("a"), engine=EnginePhase.STOPPING),
    ],
)
def test_the_menu_afar_says_what_the_menu_there_says(snapshot: Snapshot) -> None:
    """The same icon, title and tooltip; only files of the other computer are not offered."""
    far = World()
    far.fold("snapshot", sent(wire.snapshot_json(snapshot)))
    near, shown = view_of(snapshot), view_from_afar(str)(far.snapshot, NOTHING_KNOWN)
    assert (shown.icon, shown.title, shown.tooltip) == (near.icon, near.title, near.tooltip)
    ids = [row.id for row in _walk(shown.menu)]
    left_out = {row.id for row in _walk(near.menu)} - set(ids)
    for each in left_out:
        of_files = each.rpartition("/")[2].partition("=")[0] in _OF_FILES_THERE
        assert of_files or each.startswith(("calls", "diagnostics")) or "/:tools" in each


_OF_FILES_THERE = {
    Verb.OPEN_CONFIG,
    Verb.RESTORE_CONFIG,
    Verb.VIEW_LOG,
    Verb.SHOW_PROGRAM,
    Verb.MORE_TIME,
    Verb.PAUSE,
}


def _walk(rows: Sequence[object]) -> list[object]:
    found = []
    for row in rows:
        found += [row, *_walk(row.rows)]
    return found


def test_a_name_that_was_never_told_is_not_of_an_engine() -> None:
    """A delta cannot bring a server without saying what it is; without names nobody goes."""
    far = World()
    far.fold("snapshot", sent(wire.snapshot_json(world(*SERVERS))))
    far.fold("delta", sent(wire.delta_json(world(*SERVERS), 1, [], None)))
    assert set(far.snapshot.servers) == {each.name for each in SERVERS}
    with pytest.raises(ValueError, match="never told"):
        far.fold("delta", sent(wire.delta_json(world(*SERVERS), 1, [], [ServerName("x")])))


def test_nothing_of_a_lost_engine_looks_alive() -> None:
    """No server, no endpoint; the reason is the headline and the icon says offline."""
    view = view_from_afar(lambda: "nothing answers")(unreachable(world(*SERVERS)), NOTHING_KNOWN)
    assert view.icon is IconState.OFFLINE
    assert view.title == "MCP Proxy - nothing answers"
    assert [row.id for row in view.menu] == ["header", Verb.QUIT]


def test_words_of_a_newer_engine_are_shown_as_near_as_can_be() -> None:
    """An unknown phase, code, action and event end nothing."""
    far = World()
    data = sent(wire.snapshot_json(world(*SERVERS)))
    for each in data["servers"]:
        each["status"] = "meditating"
        each["health"]["action"] = "sing"
        each["novelty"] = 1
        if each["fault"] is not None:
            each["fault"]["code"] = "NEW"
    far.fold("snapshot", data)
    assert far.fold("weather", {}) == frozenset()
    assert {each.phase for each in far.snapshot.servers.values()} == {Phase.CONNECTING}
    assert far.snapshot.endpoint == ENDPOINT


@pytest.mark.parametrize("data", [{}, {"servers": 5}, {"servers": [{}]}])
def test_what_is_no_event_of_an_engine_raises_what_is_expected(data: Json) -> None:
    """So that the stream is given up with a reason instead of a crash."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        World().fold("snapshot", data)

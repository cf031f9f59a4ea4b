"""Events: whatever a client missed, one event brings it up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.clock import LoopClock
from core.engine.store import Store
from core.model.config import Config, ServerName
from core.model.notices import NoticeCode
from core.model.status import AdminState, EnginePhase, Health, Level, Phase, ServerStatus, Snapshot
from core.telemetry.counters import Counters
from core.web.sse import Events

HEALTH = Health(level=Level.HEALTHY, admin_state=AdminState.ENABLED, summary="x")
AT = datetime(2026, 11, 23, tzinfo=UTC)
LIMIT = 30.0


def new_store() -> Store:
    return Store(LoopClock(), Counters())


def show(store: Store, name: str, phase: Phase = Phase.READY) -> None:
    store.publish(ServerStatus(name=ServerName(name), phase=phase, health=HEALTH, since=AT))


@dataclass
class Event:
    """One parsed event."""

    kind: str
    id: str
    data: dict[str, Any]


def parse(raw: bytes) -> Event:
    lines = dict(line.split(": ", 1) for line in raw.decode().strip().splitlines())
    return Event(lines["event"], lines["id"], msgspec.json.decode(lines["data"]))


async def read(stream: AsyncGenerator[bytes, None]) -> Event:
    return parse(await asyncio.wait_for(anext(stream), LIMIT))


@dataclass
class Client:
    """What somebody who folds events knows of the world."""

    last: str = ""
    names: set[str] = field(default_factory=set)
    phases: dict[str, str] = field(default_factory=dict)
    revs: dict[str, int] = field(default_factory=dict)
    engine: str = ""
    notices: list[int] = field(default_factory=list)

    def fold(self, event: Event) -> None:
        self.last = event.id
        if event.kind == "notice":
            self.notices.append(event.data["seq"])
            return
        if event.kind == "bye":
            return
        if event.kind == "snapshot":
            self.phases.clear()
            self.revs.clear()
        self.engine = event.data["engine"]
        for each in event.data["servers"]:
            self.phases[each["name"]] = each["status"]
            self.revs[each["name"]] = each["rev"]
        if event.kind == "delta":
            names = event.data["names"]
            if names is not None:
                self.phases = {name: self.phases[name] for name in names}
                self.revs = {name: self.revs[name] for name in names}
            self.notices += [notice["seq"] for notice in event.data["notices"]]

    def agrees_with(self, snapshot: Snapshot) -> bool:
        return (
            self.phases == {name: each.phase for name, each in snapshot.servers.items()}
            and self.revs == {name: each.rev for name, each in snapshot.servers.items()}
            and self.engine == snapshot.engine
        )


async def test_the_first_event_is_the_world() -> None:
    """A new client is told everything, and how soon to come back."""
    store = new_store()
    show(store, "one")
    stream = Events(store).stream("")
    raw = await anext(stream)
    assert raw.startswith(b"retry: 2000\n")
    event = parse(raw)
    assert event.kind == "snapshot"
    assert event.id == f"{store.snapshot.boot}.{store.snapshot.seq}"
    assert [each["name"] for each in event.data["servers"]] == ["one"]
    await stream.aclose()


async def test_a_change_is_a_delta_of_that_server() -> None:
    """Others are named only when one came or went."""
    store = new_store()
    show(store, "one")
    show(store, "two")
    stream = Events(store).stream("")
    await anext(stream)
    show(store, "two", Phase.BACKOFF)
    event = await read(stream)
    assert event.kind == "delta"
    assert [each["name"] for each in event.data["servers"]] == ["two"]
    assert event.data["names"] is None
    show(store, "three")
    assert (await read(stream)).data["names"] == ["one", "two", "three"]
    store.remove(ServerName("one"))
    event = await read(stream)
    assert (event.data["servers"], event.data["names"]) == ([], ["two", "three"])
    await stream.aclose()


async def test_a_notice_alone_is_a_notice() -> None:
    """What changes nothing is not dressed up as a change; its id is its own."""
    store = new_store()
    stream = Events(store).stream("")
    await anext(stream)
    store.notice(NoticeCode.SHOW)
    store.notice(NoticeCode.CONFIG_REJECTED, why="x")
    first, second = await read(stream), await read(stream)
    assert [first.kind, second.kind] == ["notice", "notice"]
    assert first.id.endswith(f".{first.data['seq']}")
    assert second.data["args"] == {"why": "x"}
    await stream.aclose()


async def test_a_notice_with_a_change_travels_inside_the_delta() -> None:
    """So that the id of each event stands for everything up to it."""
    store = new_store()
    stream = Events(store).stream("")
    await anext(stream)
    store.notice(NoticeCode.SHOW)
    show(store, "one")
    event = await read(stream)
    assert event.kind == "delta"
    assert [notice["code"] for notice in event.data["notices"]] == ["show"]
    await stream.aclose()


async def test_too_many_notices_are_admitted_to_be_lost() -> None:
    """The bound is never silent."""
    store = new_store()
    stream = Events(store).stream("")
    await anext(stream)
    for _ in range(100):
        store.notice(NoticeCode.SHOW)
    event = await read(stream)
    assert event.kind == "delta"
    assert len(event.data["notices"]) + event.data["dropped"] == 100
    await stream.aclose()


async def test_silence_is_broken_by_a_comment() -> None:
    """A heartbeat keeps middlemen and clients sure that the connection lives."""
    stream = Events(new_store(), heartbeat=0.01).stream("")
    await anext(stream)
    assert await asyncio.wait_for(anext(stream), LIMIT) == b":\n\n"
    await stream.aclose()


async def test_the_last_change_is_told_before_bye() -> None:
    """When the engine stops, clients learn the last state, are told, and the stream ends."""
    store = new_store()
    stream = Events(store).stream("")
    await anext(stream)
    store.set_engine(EnginePhase.STOPPING)
    store.close_subscriptions()
    first, second = await read(stream), await read(stream)
    assert (first.kind, first.data["engine"]) == ("delta", "stopping")
    assert (second.kind, second.data) == ("bye", {})
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_clients_are_counted_while_they_listen() -> None:
    """However a stream ends, its place is given back."""
    store = new_store()
    events = Events(store)
    streams = [events.stream("") for _ in range(3)]
    for stream in streams:
        await anext(stream)
    assert events.clients == 3
    for stream in streams:
        await stream.aclose()
    assert events.clients == 0


async def test_a_change_is_encoded_once_for_all_who_keep_up() -> None:
    """F70: many clients cost one encoding: they get the very same bytes."""
    store = new_store()
    events = Events(store)
    streams = [events.stream("") for _ in range(5)]
    for stream in streams:
        await anext(stream)
    show(store, "one")
    got = [await anext(stream) for stream in streams]
    assert all(each is got[0] for each in got)
    for stream in streams:
        await stream.aclose()


async def test_a_client_that_never_reads_keeps_nothing() -> None:
    """F69: changes coalesce in its slot; reading later gives one delta with the newest state."""
    store = new_store()
    stream = Events(store).stream("")
    await anext(stream)
    for number in range(5000):
        show(store, f"s{number % 7}", Phase.BACKOFF if number % 2 else Phase.READY)
    event = await read(stream)
    assert event.data["seq"] == store.snapshot.seq
    assert len(event.data["servers"]) == 7
    await stream.aclose()


@pytest.mark.parametrize(
    "last",
    ["", "x", ".", "{boot}", "{boot}.", "{boot}.-1", "{boot}.x", "{boot}.1e3", "{boot}.²",
     "other.1", "{boot}.99999", "{boot}." + "9" * 400, "\x00", "{boot}.1.1"],
)  # fmt: skip
async def test_an_id_that_is_not_ours_starts_over(last: str) -> None:
    """Another process's id, one from the future, or nonsense: the whole world again."""
    store = new_store()
    show(store, "one")
    stream = Events(store).stream(last.replace("{boot}", store.snapshot.boot))
    assert parse(await anext(stream)).kind == "snapshot"
    await stream.aclose()


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("show"), st.sampled_from("abcd"), st.sampled_from(list(Phase))),
        st.tuples(st.just("remove"), st.sampled_from("abcd"), st.none()),
        st.tuples(st.just("notice"), st.none(), st.none()),
        st.tuples(st.just("config"), st.none(), st.none()),
        st.tuples(st.just("read"), st.none(), st.none()),
        st.tuples(st.just("reconnect"), st.none(), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
    ),
    max_size=40,
)


@given(CHANGES)
def test_from_any_missed_interval_one_event_restores_the_client(
    changes: list[tuple[str, Any, Any]],
) -> None:
    """Folding events, however rarely read and however often cut off, gives the present world."""

    async def play() -> None:
        store = new_store()
        client = Client()
        stream = Events(store).stream(client.last)
        client.fold(parse(await anext(stream)))
        for what, name, phase in [*changes, ("reconnect", None, None)]:
            if what == "show":
                show(store, name, phase)
            elif what == "remove":
                store.remove(name)
            elif what == "notice":
                store.notice(NoticeCode.SHOW)
            elif what == "config":
                store.set_config(Config(revision=store.snapshot.config.revision + 1))
            elif what == "read":
                while client.last != f"{store.snapshot.boot}.{store.snapshot.seq}":
                    client.fold(await read(stream))
                assert client.agrees_with(store.snapshot)
            elif what in {"reconnect", "restart"}:
                await stream.aclose()
                if what == "restart":
                    store = new_store()
                    client.notices.clear()  # their numbers start over
                stream = Events(store).stream(client.last)
                client.fold(parse(await anext(stream)))
                assert client.agrees_with(store.snapshot)
        assert client.notices == sorted(set(client.notices))
        await stream.aclose()

    asyncio.run(play())

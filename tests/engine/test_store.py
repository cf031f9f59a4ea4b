"""The one snapshot and its subscribers: nothing of the state is lost, nothing grows."""

from __future__ import annotations

import threading
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.engine.store import NOTICES_KEPT, Store
from core.model.config import Config, ServerName
from core.model.notices import NoticeCode, Severity
from core.model.status import (
    AdminState,
    ConfigProblem,
    EnginePhase,
    Health,
    Level,
    Phase,
    ServerStatus,
)
from core.subscription import NOTICES, Slot
from core.telemetry.counters import Counters
from tests.fakes.clock import START, FakeClock

NAMES = [ServerName(name) for name in ("a", "b", "c")]


def status(name: str, phase: Phase = Phase.READY, attempt: int = 0) -> ServerStatus:
    health = Health(level=Level.HEALTHY, admin_state=AdminState.ENABLED, summary=phase.value)
    return ServerStatus(
        name=ServerName(name), phase=phase, health=health, since=START, attempt=attempt
    )


def new_store() -> Store:
    return Store(FakeClock(), Counters())


def nothing() -> None:
    """A waker of nobody."""


CHANGES = st.one_of(
    st.tuples(
        st.just("publish"), st.sampled_from(NAMES), st.sampled_from(Phase), st.integers(0, 3)
    ),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("engine"), st.sampled_from(EnginePhase)),
    st.tuples(st.just("config"), st.integers(1, 5)),
    st.tuples(st.just("problem")),
    st.tuples(st.just("notice")),
    st.tuples(st.just("take")),
)


def change(store: Store, what: tuple[object, ...]) -> None:
    match what:
        case ("publish", str(name), Phase() as phase, int(attempt)):
            store.publish(status(name, phase, attempt))
        case ("remove", str(name)):
            store.remove(ServerName(name))
        case ("engine", EnginePhase() as phase):
            store.set_engine(phase)
        case ("config", int(revision)):
            store.set_config(Config(revision=revision))
        case ("problem",):
            store.set_config_problem(ConfigProblem("file", ()))
        case ("notice",):
            store.notice(NoticeCode.SHOW)


@given(before=st.lists(CHANGES, max_size=5), after=st.lists(CHANGES, max_size=40))
def test_folding_batches_rebuilds_the_present_world(
    before: list[tuple[object, ...]], after: list[tuple[object, ...]]
) -> None:
    """However rarely a consumer takes, what is named as changed is all that has changed."""
    store = new_store()
    for what in before:
        change(store, what)
    slot = store.subscribe(nothing)
    folded: dict[ServerName, ServerStatus] = {}
    for what in [*after, ("take",)]:
        change(store, what)
        if what[0] != "take":
            continue
        batch = slot.take()
        if batch is not None:
            for name in batch.changed:
                folded.pop(name, None)
                if name in batch.snapshot.servers:
                    folded[name] = batch.snapshot.servers[name]
        assert folded == dict(store.snapshot.servers)
        assert slot.take() is None


@given(st.lists(CHANGES, max_size=40))
def test_every_change_has_its_number(changes: list[tuple[object, ...]]) -> None:
    """Each publication adds one to ``seq``, and a changed status carries it as ``rev``."""
    store = new_store()
    for what in changes:
        before = store.snapshot
        change(store, what)
        nothing_to_do = what[0] == "take" or (what[0] == "remove" and what[1] not in before.servers)
        assert store.snapshot.seq == before.seq + (not nothing_to_do)
        for name, now in store.snapshot.servers.items():
            same = before.servers.get(name) == now
            assert same or now.rev == store.snapshot.seq
        assert store.snapshot.boot == before.boot


@given(st.integers(0, 3 * NOTICES))
def test_notices_are_bounded_and_what_is_lost_is_counted(count: int) -> None:
    """A slot keeps the newest notices; kept and dropped add up to what happened."""
    store = new_store()
    slot = store.subscribe(nothing)
    for number in range(count):
        store.notice(NoticeCode.CONFIG_APPLIED, Severity.INFO, None, number=str(number))
    batch = slot.take()
    assert batch is not None
    assert len(batch.notices) == min(count, NOTICES)
    assert batch.dropped == count - len(batch.notices)
    told = [int(notice.args[0][1]) for notice in batch.notices]
    assert told == [*range(batch.dropped, count)]
    assert [notice.seq for notice in batch.notices] == [number + 1 for number in told]
    store.notice(NoticeCode.SHOW)
    again = slot.take()
    assert again is not None
    assert (len(again.notices), again.dropped) == (1, 0)


def test_a_waker_is_called_once_until_the_slot_is_drained() -> None:
    """Twenty thousand changes wake a consumer once; the first batch needs no waking."""
    store = new_store()
    wakes: list[int] = []
    slot = store.subscribe(lambda: wakes.append(store.snapshot.seq))
    store.publish(status("a"))
    assert wakes == []  # it holds the whole world already: whoever subscribes looks at once
    assert slot.take() is not None
    for number in range(20_000):
        store.publish(status("a", attempt=number))
    assert wakes == [2]
    batch = slot.take()
    assert batch is not None
    assert batch.snapshot is store.snapshot
    assert batch.changed == {"a"}


def test_subscribers_do_not_share_what_they_have_seen() -> None:
    """Each has a slot of its own: what one takes, another still finds."""
    store = new_store()
    one, other = store.subscribe(nothing), store.subscribe(nothing)
    store.publish(status("a"))
    store.notice(NoticeCode.SHOW)
    for slot in (one, other):
        batch = slot.take()
        assert batch is not None
        assert batch.changed == {"a"}
        assert len(batch.notices) == 1


def test_published_snapshots_never_change() -> None:
    """A snapshot once read stays as it was, whatever is published later."""
    store = new_store()
    store.publish(status("a"))
    kept = store.snapshot
    copy = replace(kept, servers=dict(kept.servers))
    store.publish(status("a", Phase.BACKOFF))
    store.publish(status("b"))
    store.remove(ServerName("a"))
    assert (dict(kept.servers), kept.seq) == (copy.servers, copy.seq)


def test_a_closed_subscription_is_woken_once_and_gets_no_more() -> None:
    """Closing wakes whoever waits; later changes neither wake it nor reach it."""
    store = new_store()
    wakes: list[bool] = []
    slot = store.subscribe(lambda: wakes.append(slot.closed))
    slot.take()
    slot.close()
    slot.close()
    store.publish(status("a"))
    assert wakes == [True]
    assert slot.closed
    assert slot.take() is None


def test_whoever_subscribes_after_the_end_finds_it_closed() -> None:
    """There is no waiting for a change that cannot come: the last world, and closed."""
    store = new_store()
    store.publish(status("a"))
    early = store.subscribe(nothing)
    store.close_subscriptions()
    late = store.subscribe(nothing)
    assert early.closed
    assert late.closed
    batch = late.take()
    assert batch is not None
    assert batch.changed == {"a"}


def test_kept_notices_tell_whether_some_were_lost() -> None:
    """``notices_since`` gives what came later and is still kept, and says if that is not all."""
    store = new_store()
    for _ in range(NOTICES_KEPT):
        store.notice(NoticeCode.SHOW)
    everything, lost = store.notices_since(0)
    assert (len(everything), lost) == (NOTICES_KEPT, 0)
    store.notice(NoticeCode.SHOW)
    kept, lost = store.notices_since(0)
    assert (len(kept), lost) == (NOTICES_KEPT, 1)
    assert store.notices_since(1) == (kept, 0)
    newest, lost = store.notices_since(store.snapshot.seq - 1)
    assert ([notice.seq for notice in newest], lost) == ([store.snapshot.seq], 0)
    assert store.notices_since(store.snapshot.seq) == ((), 0)


def test_a_slot_filled_and_taken_by_two_threads_loses_nothing() -> None:
    """A consumer on its own thread that only looks when woken sees every server's last state."""
    store = new_store()
    awake = threading.Event()
    slot: Slot = store.subscribe(awake.set)
    seen: dict[ServerName, ServerStatus] = {}

    def consume() -> None:
        closed = False
        while not closed:
            assert awake.wait(10)
            awake.clear()
            closed = slot.closed  # read before the last look
            while (batch := slot.take()) is not None:
                for name in batch.changed:
                    seen[name] = batch.snapshot.servers[name]

    consumer = threading.Thread(target=consume)
    awake.set()
    consumer.start()
    for number in range(5_000):
        store.publish(status(f"server{number % 7}", attempt=number))
    slot.close()
    consumer.join(10)
    assert not consumer.is_alive()
    assert seen == dict(store.snapshot.servers)

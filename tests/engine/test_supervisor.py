"""The supervisor compares what is wanted with what runs, whatever the occasion."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.supervisor import TICK
from core.model.config import ServerConfig
from core.model.status import Phase
from core.telemetry.families import Cell
from tests.engine.running import Running, running
from tests.fakes.clock import settle
from tests.fakes.connector import CRASH, FakePeer
from tests.fakes.source import server


def _reconciled(world: Running) -> float:
    return world.counters.supervisor_reconciliations.values["success",]


def _stubborn(peer: FakePeer) -> None:
    peer.stubborn = True
    peer.connect()


async def test_a_server_removed_while_connecting_is_gone_once_it_has_ended() -> None:
    """It is told to close at once, shown as stopping, and forgotten with its metrics."""
    async with running(server("one"), on_open=lambda peer: None) as world:
        peer = world.servers.last("one")
        world.source.write()
        assert world.phase("one") is Phase.STOPPING
        assert peer.link.closing.done()
        await settle()
        assert not peer.open
        assert not world.snapshot.servers
        for family in world.counters:
            assert not any("one" in labels for labels in family.values), family.name


async def test_a_server_wanted_again_while_it_is_being_removed_comes_back() -> None:
    """Removal is final for its actor; once that is gone a new one starts with the new entry."""
    async with running(server("one"), on_open=_stubborn) as world:
        first = world.servers.last("one")
        world.source.write()
        world.source.write(server("one", "b"))
        await settle()
        assert world.phase("one") is Phase.STOPPING
        assert world.servers.opened("one") == 1
        first.end()
        await settle()
        assert world.phase("one") is Phase.READY
        assert world.servers.last("one").config == server("one", "b")
        assert world.status("one").attempt == 1


async def test_one_servers_bug_leaves_the_others_alone() -> None:
    """A connector that raises fails that server only; all others keep their connection."""
    names = [f"server{number}" for number in range(5)]
    async with running(*map(server, names)) as world:
        world.servers.last("server2").end(ZeroDivisionError("a bug"))
        await settle()
        phases = {name: world.phase(name) for name in names}
        assert phases.pop("server2") is Phase.FAILED
        assert set(phases.values()) == {Phase.READY}
        assert all(world.servers.opened(name) == 1 for name in names)


async def test_occasions_of_one_turn_share_one_comparison() -> None:
    """Thirty deaths at once are compared once for all, not once each."""
    names = [f"server{number}" for number in range(30)]
    async with running(*map(server, names)) as world:
        before = _reconciled(world)
        for name in names:
            world.servers.last(name).end(CRASH)
        await settle()
        assert all(world.phase(name) is Phase.BACKOFF for name in names)
        assert 1 <= _reconciled(world) - before <= 3


async def test_the_tick_compares_though_nothing_happened() -> None:
    """Every half minute, again and again, until the engine stops."""
    async with running(server("one")) as world:
        before = _reconciled(world)
        await world.clock.advance(TICK - 1)
        assert _reconciled(world) == before
        await world.clock.advance(2)
        assert _reconciled(world) == before + 1
        await world.clock.advance(10 * TICK)
        assert _reconciled(world) == before + 11
        assert world.servers.opened("one") == 1


async def test_comparisons_are_timed() -> None:
    """Each comparison is one observation of its duration."""
    async with running(server("one")) as world:
        durations = world.counters.supervisor_reconciliation_duration.values[()]
        assert isinstance(durations, Cell)
        assert sum(durations.counts) == _reconciled(world)
        assert world.counters.supervisor_reconciliations.values["failed",] == 0


async def test_an_entry_that_is_written_again_unchanged_touches_nothing() -> None:
    """Comparison is by value of the whole entry: equal is unchanged, and publishes nothing."""
    async with running(server("one"), server("two", enabled=False)) as world:
        statuses = dict(world.snapshot.servers)
        world.source.write(server("one"), server("two", enabled=False))
        await settle()
        assert dict(world.snapshot.servers) == statuses
        assert world.servers.opened("one") == 1


VARIANTS = st.sampled_from(
    [{}, {"command": "b"}, {"enabled": False}, {"call_timeout": 9.0}, {"quarantined": True}]
)
FILES = st.dictionaries(st.sampled_from(["a", "b", "c"]), VARIANTS)


@settings(max_examples=60)
@given(files=st.lists(st.tuples(FILES, st.booleans(), st.booleans()), max_size=10))
def test_whatever_was_written_before_the_last_file_wins(
    files: list[tuple[dict[str, dict[str, object]], bool, bool]],
) -> None:
    """After any edits, some while servers are ending or dying, exactly what is wanted runs."""

    async def play() -> None:
        async with running() as world:
            wanted: list[ServerConfig] = []
            for entries, patient, deadly in files:
                wanted = [server(name, **settings) for name, settings in entries.items()]
                world.source.write(*wanted)
                if patient:
                    await settle()
                if deadly:
                    for peers in world.servers.peers.values():
                        peers[-1].end(CRASH)
            await settle()
            await world.clock.advance(100)
            assert set(world.snapshot.servers) == {one.name for one in wanted}
            for one in wanted:
                expected = Phase.READY if one.enabled else Phase.DISABLED
                assert world.phase(one.name) is expected
                assert world.status(one.name).quarantined == one.quarantined
                if one.enabled:
                    peer = world.servers.last(one.name)
                    assert peer.open
                    assert peer.config.connection_key == one.connection_key
                    assert peer.link.config == one
            running_now = {name for name, peers in world.servers.peers.items() if peers[-1].open}
            assert running_now == {one.name for one in wanted if one.enabled}

    asyncio.run(play())

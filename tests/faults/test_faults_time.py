"""F45, F46: the computer sleeps, or its clock is set, while servers run and wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.engine.supervisor import TICK
from core.model.status import Phase
from tests.engine.running import running
from tests.fakes.clock import settle
from tests.fakes.connector import CRASH, FakePeer
from tests.fakes.source import server

NIGHT = 8 * 3600.0
YEAR = timedelta(days=365)
HOUR = timedelta(hours=1)


async def test_f45_after_a_night_each_waiting_server_is_tried_once_and_no_other() -> None:
    """30 servers that crashed again and again are opened once each by the next tick and are well;
    the ready ones are left alone; the ticks after it open nobody."""
    waiting = [f"waits{number}" for number in range(30)]
    ready = [f"ready{number}" for number in range(10)]
    sick = set(waiting)

    def on_open(peer: FakePeer) -> None:
        peer.connect()
        if peer.config.name in sick:
            peer.end(CRASH)

    everyone = [*waiting, *ready]
    async with running(*(server(name) for name in everyone), on_open=on_open) as world:
        for _ in range(10):
            await world.clock.advance(TICK)
        assert all(world.phase(name) is Phase.BACKOFF for name in waiting)
        end = world.clock.now() + TICK
        assert [timer for timer in world.clock.timers if timer.when > end], "none would wait"
        before = {name: world.servers.opened(name) for name in everyone}
        sick.clear()
        world.clock.asleep += NIGHT
        await world.clock.advance(TICK)
        opened = {name: world.servers.opened(name) - before[name] for name in everyone}
        assert opened == {**dict.fromkeys(waiting, 1), **dict.fromkeys(ready, 0)}
        assert all(world.phase(name) is Phase.READY for name in everyone)
        await world.clock.advance(3 * TICK)
        assert sum(map(world.servers.opened, everyone)) == sum(before.values()) + len(waiting)


@pytest.mark.parametrize("step", [YEAR, -YEAR, HOUR, -HOUR, timedelta(seconds=0.7)])
async def test_f46_a_clock_that_is_set_moves_no_timer_and_no_order(step: timedelta) -> None:
    """A crashed server is tried again at its moment and not before, whatever the wall clock says
    meanwhile; published worlds keep their order; nothing is taken for sleep."""
    async with running(server("one"), server("fine"), on_open=lambda peer: None) as world:
        world.servers.last("fine").connect()
        world.servers.last("one").end(CRASH)
        await settle()
        assert world.phase("one") is Phase.BACKOFF
        due = min(timer.when for timer in world.clock.timers) - world.clock.now()
        seq, opened = world.snapshot.seq, world.servers.opened("one")
        world.clock.stepped += step
        await world.clock.advance(0.9 * due)
        assert world.servers.opened("one") == opened
        world.clock.stepped -= 2 * step
        await world.clock.advance(0.1 * due)
        assert world.servers.opened("one") == opened + 1
        assert world.snapshot.seq > seq
        world.servers.last("one").connect()
        await world.clock.advance(3 * TICK)
        assert world.servers.opened("one") == opened + 1
        assert world.servers.opened("fine") == 1

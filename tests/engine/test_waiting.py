"""What ends a wait early: somebody needs the server, or the computer has slept."""

from __future__ import annotations

import pytest

from core.engine.supervisor import TICK
from core.errors import NotNow, UnknownServer
from core.model.config import ServerName
from core.model.intents import RetryNow
from core.model.status import Phase
from tests.engine.running import running
from tests.fakes.clock import settle
from tests.fakes.connector import CRASH
from tests.fakes.source import server


async def test_who_needs_a_waiting_server_has_it_tried_at_once() -> None:
    """RetryNow opens a connection now, disarms the timer, and keeps counting attempts."""
    async with running(server("one")) as world:
        world.servers.last("one").end(CRASH)
        await settle()
        assert world.phase("one") is Phase.BACKOFF
        await world.engine.submit(RetryNow(ServerName("one")))
        await settle()
        assert world.servers.opened("one") == 2
        assert world.status("one").attempt == 2
        assert len(world.clock.timers) == 1  # the tick


async def test_only_a_waiting_server_is_tried_again() -> None:
    """Ready servers and unknown ones are refused, with words."""
    async with running(server("one")) as world:
        with pytest.raises(NotNow, match="one cannot be tried again while it is ready"):
            await world.engine.submit(RetryNow(ServerName("one")))
        with pytest.raises(UnknownServer, match="two"):
            await world.engine.submit(RetryNow(ServerName("two")))


async def test_after_sleep_waiting_servers_are_tried_at_the_next_tick() -> None:
    """A computer that slept an hour forgets earlier failures; ready servers are left alone."""
    async with running(server("one"), server("fine"), on_open=lambda peer: None) as world:
        world.servers.last("fine").connect()
        for _ in range(6):
            world.servers.last("one").connect()
            await settle()
            world.servers.last("one").end(CRASH)
            await settle()
            opened = world.servers.opened("one")
            if world.status("one").attempt < 6:
                await world.clock.advance(70)
                assert world.servers.opened("one") == opened + 1
        assert world.status("one").attempt == 6  # the next try would be half a minute away
        world.clock.asleep += 3600
        await world.clock.advance(TICK)
        assert world.servers.opened("one") == opened + 1
        assert world.status("one").attempt == 1
        assert world.servers.opened("fine") == 1


async def test_a_clock_that_is_set_back_or_drifts_wakes_nobody() -> None:
    """Only sleep counts: a few seconds, or a step backwards, change nothing."""
    async with running(server("one"), on_open=lambda peer: None) as world:
        world.servers.last("one").end(CRASH)
        await settle()
        await world.clock.advance(3)
        opened = world.servers.opened("one")
        for step in (4.0, -1000.0):
            world.clock.asleep += step
            await world.clock.advance(TICK)
        assert world.servers.opened("one") == opened

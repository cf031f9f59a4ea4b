"""The journeys of the design, from what starts them to what a consumer sees."""

from __future__ import annotations

from dataclasses import replace

from core.model.config import ServerName
from core.model.intents import RestartServer, SetEnabled
from core.model.notices import NoticeCode
from core.model.status import Phase
from tests.engine.running import Follower, running
from tests.fakes.clock import START, settle
from tests.fakes.connector import CRASH, PEER
from tests.fakes.source import server


async def test_journey_a_the_file_is_edited() -> None:
    """New, changed and deleted entries start, restart and end exactly those servers."""
    async with running(server("stays"), server("changes"), server("goes")) as world:
        stays = world.servers.last("stays")
        goes = world.servers.last("goes")
        follower = Follower(world.engine, "changes")
        world.source.write(server("stays"), server("changes", "b"), server("comes"))
        await world.until_phase("comes", Phase.READY)
        await world.until_phase("changes", Phase.READY)
        assert set(world.snapshot.servers) == {"stays", "changes", "comes"}
        assert world.servers.last("stays") is stays
        assert stays.open
        assert not goes.open
        assert [peer.config.transport for peer in world.servers.peers["changes"]] == [
            server("changes").transport,
            server("changes", "b").transport,
        ]
        assert follower.phases == [Phase.READY, Phase.STOPPING, Phase.CONNECTING, Phase.READY]
        (notice,) = world.engine.notices_since(0)[0]
        assert (notice.code, notice.args) == (NoticeCode.CONFIG_APPLIED, (("revision", "2"),))


async def test_journey_a_an_unusable_file_changes_nothing_but_a_visible_problem() -> None:
    """Servers go on; the problem is in the snapshot, said once, and gone with the next version."""
    async with running(server("one")) as world:
        world.source.spoil("a comma is missing")
        world.source.spoil("a comma is missing")
        await settle()
        assert str(world.snapshot.config_problem) == "config: a comma is missing"
        assert world.servers.opened("one") == 1
        assert world.phase("one") is Phase.READY
        notices, _ = world.engine.notices_since(0)
        assert [notice.code for notice in notices] == [NoticeCode.CONFIG_REJECTED]
        world.source.write(server("one"))
        assert world.snapshot.config_problem is None
        await settle()
        assert world.servers.opened("one") == 1


async def test_journey_a_what_needs_no_new_connection_reaches_the_one_there_is() -> None:
    """New time and concurrency limits touch no connection, which sees them at once."""
    async with running(server("one")) as world:
        peer = world.servers.last("one")
        world.source.write(server("one", call_timeout=5.0, max_concurrent_requests=1))
        await settle()
        assert world.servers.last("one") is peer
        assert world.phase("one") is Phase.READY
        assert peer.link.config.call_timeout == 5.0
        assert peer.link.config.max_concurrent_requests == 1


async def test_journey_c_a_child_dies() -> None:
    """The death is seen with its cause and next attempt, which comes at that moment and works."""
    async with running(server("one"), server("other")) as world:
        follower = Follower(world.engine, "one")
        session = world.engine.sessions.get("one")
        assert session is world.servers.last("one").session
        world.servers.last("one").end(CRASH)
        status = await world.until_phase("one", Phase.BACKOFF)
        assert world.engine.sessions.get("one") is None
        assert status.fault == CRASH
        assert status.peer is None
        assert status.retry_at is not None
        wait = (status.retry_at - world.clock.wall()).total_seconds()
        assert 0.8 <= wait <= 1.2
        await world.clock.advance(wait - 0.01)
        assert world.phase("one") is Phase.BACKOFF
        await world.clock.advance(0.02)
        assert world.phase("one") is Phase.READY
        assert world.engine.sessions.get("one") is world.servers.last("one").session
        assert follower.phases == [Phase.READY, Phase.BACKOFF, Phase.CONNECTING, Phase.READY]
        assert world.servers.opened("other") == 1
        assert world.counters.actor_retries.values == {("one",): 1, ("other",): 0}
        failures = world.counters.actor_failures.values
        assert {key: count for key, count in failures.items() if count} == {("one", "CRASHED"): 1}


async def test_journey_d_the_user_clicks_restart() -> None:
    """The old connection ends before the new one opens, and each phase is published."""
    async with running(server("one")) as world:
        follower = Follower(world.engine, "one")
        first = world.servers.last("one")
        accepted = await world.engine.submit(RestartServer(ServerName("one")))
        assert world.phase("one") is Phase.STOPPING
        assert world.engine.sessions.get("one") is None
        status = await world.until_phase("one", Phase.READY)
        assert status.rev > accepted
        assert not first.open
        assert world.servers.opened("one") == 2
        assert follower.phases == [Phase.READY, Phase.STOPPING, Phase.CONNECTING, Phase.READY]


async def test_journey_d_restart_ends_a_wait_at_once() -> None:
    """Restart does not wait for the retry timer, disarms it, and forgets earlier attempts."""
    async with running(server("one"), on_open=lambda peer: None) as world:
        world.servers.last("one").end(CRASH)
        await settle()
        assert len(world.clock.timers) == 2  # the tick and the retry
        await world.engine.submit(RestartServer(ServerName("one")))
        await settle()
        assert world.servers.opened("one") == 2
        assert len(world.clock.timers) == 1
        assert world.status("one").attempt == 1


async def test_disabling_goes_through_the_file() -> None:
    """Set enabled edits the file; the new version does the rest, in both directions."""
    async with running(server("one")) as world:
        await world.engine.submit(SetEnabled(ServerName("one"), False))
        await world.until_phase("one", Phase.DISABLED)
        assert not world.source.config.servers[ServerName("one")].enabled
        assert not world.servers.last("one").open
        await world.engine.submit(SetEnabled(ServerName("one"), True))
        await world.until_phase("one", Phase.READY)
        assert world.servers.opened("one") == 2


async def test_new_lists_of_a_server_are_published_in_place() -> None:
    """A change of the server's tools changes its status, not its phase or connection."""
    async with running(server("one")) as world:
        since = world.status("one").since
        await world.clock.advance(5)
        other = replace(PEER, tools=())
        world.servers.last("one").link.peer_changed(other)
        assert world.status("one").peer == other
        assert world.status("one").health.summary == "Ready, 0 tools"
        assert world.status("one").since == since
        assert since > START

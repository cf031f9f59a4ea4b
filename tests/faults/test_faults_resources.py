"""F27 to F29: no descriptors, processes or memory to be had, and very many servers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.bench.process import cpu_seconds
from tests.faults import storage
from tests.faults.conftest import SceneMaker
from tests.faults.scene import Scene, entry
from tests.mcp_http import RawClient
from tests.pace import within

pytestmark = pytest.mark.timeout(300)

SERVERS = 40  # the matrix's thousand are for ``tests.faults.scale``
STARTING = ("clone", "clone3", "fork", "vfork")  # the system calls that make processes
WATCHED = 1.0  # seconds in which a loop that spins would use a whole core


@contextmanager
def few_descriptors(pid: int, spare: int) -> Iterator[None]:
    """While inside, a process can open only so many files or connections more."""
    process = psutil.Process(pid)
    usual = process.rlimit(psutil.RLIMIT_NOFILE)
    used = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    free = (number for number in itertools.count() if number not in used)
    process.rlimit(psutil.RLIMIT_NOFILE, (next(itertools.islice(free, spare, None)), usual[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, usual)


async def find_no_room(play: Scene, client: RawClient, names: list[str]) -> None:
    """Add servers that cannot be started: each says why, and what runs goes on."""
    play.configure({"steady": entry(), **{name: entry() for name in names}})
    for name in names:
        server = await play.shows(name, "backoff", code="RESOURCES", action="restart", pid=None)
        assert "The system has no room for another process" in server["fault"]["message"]
        assert server["retry_at"] is not None
    assert "result" in await play.ledger.call(client)
    assert play.server("steady")["attempt"] == 1


async def test_f27_without_descriptors_starts_fail_in_words_and_sessions_go_on(
    scene: SceneMaker,
) -> None:
    """Servers wait for room and then start by themselves; nothing of the attempts is left."""
    names = [f"more-{number}" for number in range(4)]
    async with scene({"steady": entry()}) as play:
        await play.ready()
        client = await play.client("steady")
        assert "result" in await play.ledger.call(client)
        with few_descriptors(play.pid, 5):  # enough to read the file, too few for three pipes
            await find_no_room(play, client, names)
        await play.ready(*names)
        for name in names:
            await play.recovers(name)


async def test_f27_connections_there_is_no_room_for_do_not_make_the_program_spin(
    scene: SceneMaker,
) -> None:
    """While new ones cannot be taken, it rests and serves those it has; later new ones too."""
    async with scene({"steady": entry()}) as play:
        await play.ready()
        client = await play.client("steady")
        assert "result" in await play.ledger.call(client)
        address = play.running.base.removeprefix("http://").split(":")
        held = psutil.Process(play.pid).num_fds()
        with few_descriptors(play.pid, 0):
            knocking = [
                await asyncio.open_connection(address[0], int(address[1])) for _ in range(20)
            ]
            used, began = cpu_seconds(play.pid), time.monotonic()
            await asyncio.sleep(WATCHED)  # the measurement itself, nothing is waited for
            share = (cpu_seconds(play.pid) - used) / (time.monotonic() - began)
            assert share < 0.7, f"{share:.0%} of a core"
            assert psutil.Process(play.pid).num_fds() <= held  # none of them was taken
            assert "result" in await play.ledger.call(client)
        for _, writer in knocking:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        assert "result" in await play.ledger.call(await play.client("steady"))


@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
async def test_f28_without_room_for_a_process_starts_fail_in_words_and_sessions_go_on(
    scene: SceneMaker, error: str
) -> None:
    """The system refuses every new process; once it no longer does, the server starts by itself."""
    storage.needs_strace()
    async with scene({"steady": entry()}) as play:
        await play.ready()
        client = await play.client("steady")
        async with storage.struck(play.pid, ",".join(STARTING), f"error={error}"):
            await find_no_room(play, client, ["more"])
        await play.recovers("more")


async def test_f29_many_servers_start_and_stop_while_the_others_are_served(
    scene: SceneMaker,
) -> None:
    """Forty at once are ready, listed and gone again in time, and the bystander never waits."""
    names = [f"one-{number:02}" for number in range(SERVERS)]
    async with scene({name: entry() for name in names}) as play:
        await play.ready()
        listed = (await play.running.get("/api/v1/servers"))["servers"]
        assert {server["name"] for server in listed} > set(names)
        assert {server["attempt"] for server in listed} == {1}
        client = await play.client(names[-1])
        assert "result" in await play.ledger.call(client)
        began = time.monotonic()
        play.configure({})
        await play.until(lambda world: not set(names) & set(world["servers"]))
        assert time.monotonic() - began < within(20)

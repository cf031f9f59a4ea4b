"""Ending a server: politely, then not, and always with everything it started."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from core.upstream.child import Grace
from core.upstream.exit_watch import watch_by_thread, watch_exit
from tests.fakes.clock import settle
from tests.leaks import alive
from tests.system.upstream.talk import LIMIT, entry, faulty, ready, talking

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="faultsrv is for Linux only"),
    pytest.mark.usefixtures("nothing_left"),
]


TOO_MUCH = 1 << 47  # bytes of stack, more than a process can address


@pytest.mark.parametrize(
    ("mode", "told"),
    [("ok", ["eof"]), ("ignore-eof", ["eof", "term"]), ("ignore-term", ["eof", "term"])],
)
async def test_a_server_is_asked_before_it_is_made_to_end(
    tmp_path: Path, mode: str, told: list[str]
) -> None:
    """First its input ends, then SIGTERM, then SIGKILL (MCP basic/lifecycle, F18)."""
    log = tmp_path / "log"
    loop = asyncio.get_running_loop()
    async with ready("--log", str(log), mode) as talk:
        pid = (await talk.call("echo"))["pid"]
        began = loop.time()
        await talk.close()
        took = loop.time() - began
    assert talk.task.result() is None
    assert talk.forced == (mode != "ok")
    assert not alive(pid)
    assert log.read_text().splitlines() == [f"start {pid}", *told]
    assert took >= 0.3 * (len(told) - 1 + (mode == "ignore-term"))


@pytest.mark.parametrize("kind", ["group", "hold", "setsid", "daemon"])
@pytest.mark.parametrize("how", ["told", "killed"])
async def test_what_a_server_started_ends_with_it(tmp_path: Path, kind: str, how: str) -> None:
    """Whether it was told to end or died: nothing it started is left, nor waited for (F19, F20)."""
    file = tmp_path / "pid"
    async with talking(faulty("grandchild", kind, str(file))) as talk:
        pid = (await talk.ready()).pid
        assert pid is not None
        grandchild = int(file.read_text())
        process = psutil.Process(grandchild)
        assert alive(grandchild)
        if how == "killed":
            os.kill(pid, signal.SIGKILL)
            assert "SIGKILL" in (await talk.fault()).message
        else:
            await talk.close()
        assert not alive(pid)
        await asyncio.to_thread(psutil.wait_procs, [process], LIMIT)
        assert not alive(grandchild)


@pytest.mark.parametrize("asked_to_end", [True, False])
async def test_a_cancelled_connection_kills_at_once(asked_to_end: bool) -> None:
    """However long the graces are, and however far its end has come, cancelling ends it now."""
    async with talking(faulty("ignore-term"), grace=Grace(LIMIT, LIMIT)) as talk:
        pid = (await talk.ready()).pid
        assert pid is not None
        talk.closing.set_result(None)
        if asked_to_end:
            await settle()  # its input has ended
        talk.task.cancel()
        async with asyncio.timeout(LIMIT / 2):
            await asyncio.wait([talk.task])
        assert talk.task.cancelled()
        assert not alive(pid)
        talk.task = asyncio.create_task(_nothing())


async def _nothing() -> None:
    return


async def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    """At whichever step it is cancelled, what had been started is ended."""
    for turns in range(0, 60, 6):
        async with talking(faulty()) as talk:
            for _ in range(turns):
                await asyncio.sleep(0)
            talk.task.cancel()
            await asyncio.wait([talk.task], timeout=LIMIT)
            assert talk.task.cancelled()
            talk.task = asyncio.create_task(_nothing())


async def test_a_death_is_noticed_at_once_though_its_pipes_stay_open() -> None:
    """The process itself is watched: no waiting for the end of a pipe others hold (F20)."""
    loop = asyncio.get_running_loop()
    async with talking(entry("sh", "-c", "sleep 100 & exit 3")) as talk:
        began = loop.time()
        fault = await talk.fault()
        assert loop.time() - began < LIMIT / 3
    assert "exit code 3" in fault.message


@pytest.mark.parametrize("watch", [watch_exit, watch_by_thread])
async def test_both_ways_to_learn_of_an_exit(watch: object) -> None:
    """By descriptor and by thread: told once, and it is left to be collected."""
    assert callable(watch)
    ended = asyncio.Event()
    with Popen(["/bin/sh", "-c", "exit 7"]) as process:
        watch(process, ended.set)
        await asyncio.wait_for(ended.wait(), LIMIT)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert process.poll() == 7


async def test_f28_without_room_for_a_thread_that_watches_the_process_is_ended() -> None:
    """Nothing runs that nobody watches; the refusal is one like those of processes."""
    ended = asyncio.Event()
    usual = threading.stack_size(TOO_MUCH)
    try:
        with Popen(["/bin/sleep", "100"]) as process:
            with pytest.raises(BlockingIOError):
                watch_by_thread(process, ended.set)
            assert process.poll() == -signal.SIGKILL
    finally:
        threading.stack_size(usual)
    assert ended.is_set()

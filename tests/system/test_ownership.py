"""Whatever ends, and however it ends: nothing that we started is left, and nobody else is hurt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from core.upstream.ownership import VARIABLE, end_marked, new_mark, take_over
from tests.fakes import faultsrv
from tests.leaks import alive
from tests.program import Home, Json, RunningProgram, program

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

KINDS = ("group", "setsid", "daemon", "hold")


def entry(*mode: str) -> Json:
    command, *args = faultsrv.command(*mode)
    return {"command": command, "args": args}


async def gone(pids: Iterable[int]) -> None:
    """Wait until none of them lives."""
    processes = [psutil.Process(pid) for pid in pids if alive(pid)]
    _, left = await asyncio.to_thread(psutil.wait_procs, processes, 10)
    assert not [process for process in left if alive(process.pid)]


async def family(running: RunningProgram, markers: Iterable[Path]) -> list[int]:
    """The servers' processes and their grandchildren's."""
    world = await running.ready()
    servers = [server["pid"] for server in world["servers"].values()]
    return [*servers, *(int(marker.read_text()) for marker in markers)]


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like ours but carries another mark."""
    process = subprocess.Popen(
        faultsrv.command("ok"),
        env={**os.environ, VARIABLE: new_mark()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    yield process
    process.communicate()


async def test_after_kill_9_of_the_program_nothing_is_left(
    home: Home, stranger: subprocess.Popen[bytes]
) -> None:
    """The reaper ends servers and grandchildren of every kind, and no stranger."""
    markers = {kind: home.directory / kind for kind in KINDS}
    home.configure(
        {
            **{kind: entry("grandchild", kind, str(file)) for kind, file in markers.items()},
            "deaf": entry("ignore-term"),
        }
    )
    async with program(home) as running:
        pids = await family(running, markers.values())
        running.process.kill()
        await running.process.wait()
        await gone(pids)
        assert alive(stranger.pid)


async def test_a_restart_ends_what_left_the_servers_group(home: Home) -> None:
    """A grandchild in a session of its own, or without a parent, does not outlive its server."""
    markers = {kind: home.directory / kind for kind in ("setsid", "daemon")}
    home.configure({kind: entry("grandchild", kind, str(file)) for kind, file in markers.items()})
    async with program(home) as running:
        pids = await family(running, markers.values())
        for kind in markers:
            await running.post(f"/api/v1/servers/{kind}/restart?wait=ready&timeout=30")
        await gone(pids)


async def test_the_next_start_ends_what_even_the_reaper_could_not(
    home: Home, stranger: subprocess.Popen[bytes]
) -> None:
    """Program and reaper both killed: the servers that ignore all signs go at the next start."""
    home.configure({"deaf": entry("ignore-eof")})
    async with program(home) as running:
        pids = await family(running, ())
        (reaper,) = [
            child
            for child in psutil.Process(running.process.pid).children()
            if "mcpproxy-reaper" in child.cmdline()
        ]
        reaper.send_signal(signal.SIGKILL)
        running.process.kill()
        await running.process.wait()
    assert alive(pids[0])
    async with program(home) as running:
        await gone(pids)
        await running.ready()
        assert alive(stranger.pid)


async def test_a_killed_reaper_is_replaced_and_knows_everyone(home: Home) -> None:
    """The next server that starts brings a new reaper, which watches over the old ones too."""
    home.configure({"old": entry("ignore-term"), "new": entry("ok")})
    async with program(home) as running:
        pids = await family(running, ())
        for child in psutil.Process(running.process.pid).children():
            if "mcpproxy-reaper" in child.cmdline():
                child.kill()
                child.wait(5)
        await running.post("/api/v1/servers/new/restart?wait=ready&timeout=30")
        pids += await family(running, ())
        running.process.kill()
        await running.process.wait()
        await gone(pids)


def test_only_the_marks_own_processes_are_ended(stranger: subprocess.Popen[bytes]) -> None:
    """A mark ends its carriers and those of marks derived from it, and no similar one."""
    mark = new_mark()
    ours = [
        subprocess.Popen(
            ["sleep", "1000"], env={**os.environ, VARIABLE: value}, stdin=subprocess.DEVNULL
        )
        for value in (mark, f"{mark}.7")
    ]
    other = subprocess.Popen(
        ["sleep", "1000"], env={**os.environ, VARIABLE: mark + "0"}, stdin=subprocess.DEVNULL
    )
    try:
        assert end_marked({mark}) == 2
        assert [process.wait(5) for process in ours] == [-signal.SIGKILL] * 2
        assert other.poll() is None
        assert stranger.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"short\n", b"x" * 5000])
def test_a_missing_or_spoilt_owner_file_ends_nobody(tmp_path: Path, content: bytes | None) -> None:
    """Whatever the file holds, nothing is killed for it and our own mark is left there."""
    file = tmp_path / "owner"
    if content is not None:
        file.write_bytes(content)
    mark = new_mark()
    assert take_over(file, mark) == 0
    assert file.read_text() == mark + "\n"
    assert file.stat().st_mode & 0o777 == 0o600

"""What servers use is read from the system, with all they started (F25)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.telemetry.usage import usage

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the scripts are for a Linux shell"),
    pytest.mark.usefixtures("nothing_left"),
]

# A child, and one whose parent has ended, so that only its session tells whose it is.
FAMILY = "sleep 100 & (sleep 100 & echo $!) & wait $!; echo ready; read end"
SPENDING = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo ready; read end"


@contextmanager
def server(script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell in a session of its own that has come as far as saying that it is ready."""
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            while process.stdout.readline() != "ready\n":
                pass
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


async def test_f25_what_a_server_started_is_counted_with_it() -> None:
    """Two servers are told apart; orphans are their server's; who has ended is left out."""
    with server(FAMILY) as family, server("echo ready; read end") as single:
        used = await asyncio.to_thread(usage, [family.pid, single.pid])
        assert (used[family.pid].processes, used[single.pid].processes) == (3, 1)
        assert used[family.pid].resident_bytes > used[single.pid].resident_bytes > 0
        assert used[family.pid].open_fds >= 9
        assert used[single.pid].open_fds >= 3
    assert await asyncio.to_thread(usage, [family.pid, single.pid]) == {}


async def test_f25_the_processor_time_of_a_server_is_its_own() -> None:
    """What one has spent is not counted for another."""
    with server(SPENDING) as busy, server("echo ready; read end") as idle:
        used = await asyncio.to_thread(usage, [busy.pid, idle.pid])
        assert used[busy.pid].cpu_seconds > used[idle.pid].cpu_seconds

"""Flow control on both event loops: who is held back, and who must not notice."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from core.protocol.calls import TooBusy
from tests.fakes import faultsrv
from tests.pace import within
from tests.system.upstream.talk import answer, entry, ready, talking

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="faultsrv is for Linux only"),
    pytest.mark.usefixtures("nothing_left"),
]


async def test_garbage_is_read_in_turns_with_everybody_else() -> None:
    """While one server writes a megabyte of tiny lines, another answers without delay (F12)."""
    async with ready() as noisy, ready() as bystander:
        flood = noisy.start("raw", {"hex": b"y\n".hex() * 4000})
        slowest = 0.0
        while not flood.done:
            began = time.perf_counter()
            await bystander.call("echo")
            slowest = max(slowest, time.perf_counter() - began)
        await answer(flood)
        assert noisy.violations() == {"not_json": 4000}
        assert slowest < within(0.25)


async def test_a_server_that_never_reads_can_be_stopped_at_once() -> None:
    """What it did not read is thrown away: closing does not wait for it (F17)."""
    async with ready("deaf-after", "tools/call") as talk:
        await talk.call("echo")
        calls = [talk.start("echo", {"text": "x" * (1 << 20)}) for _ in range(17)]
        with pytest.raises(TooBusy, match="16 MiB"):
            talk.start("echo")
        began = time.perf_counter()
    assert time.perf_counter() - began < within(3.0)
    assert all(call.done for call in calls)


async def test_a_server_that_is_slow_to_read_gets_everything() -> None:
    """Megabytes of arguments arrive whole and in order, however full the pipe was (F17)."""
    async with ready() as talk:
        calls = [talk.start("echo", {"text": f"{n}" * (1 << 20)}) for n in range(8)]
        for number, call in enumerate(calls):
            assert (await answer(call))["arguments"]["text"] == f"{number}" * (1 << 20)


async def test_the_last_answers_of_a_garrulous_server_are_not_lost() -> None:
    """Much is dealt with in slices; what it wrote before it ended is still taken (F13)."""
    async with ready(max_concurrent_requests=500) as talk:
        calls = [talk.start("slow", {"key": "k"}) for _ in range(200)]
        release = talk.start("release", {"key": "k"})
        leave = talk.start("exit", {"code": 0})
        for call in (*calls, release, leave):
            assert await answer(call) is not None


async def test_a_fetching_command_gets_more_time(tmp_path: Path) -> None:
    """While it writes to stderr, even without whole lines; others do not (F30)."""
    server = " ".join(faultsrv.command("slow-start", "1500"))
    script = f"#!/bin/sh\nprintf . >&2\nexec {server}\n"
    for name in ("npx", "other"):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    async with talking(entry(str(tmp_path / "npx"), init_timeout=1.0)) as talk:
        await talk.ready()
        assert talk.downloading.is_set()
    async with talking(entry(str(tmp_path / "other"), init_timeout=1.0)) as talk:
        assert "did not answer in 1 s" in (await talk.fault()).message

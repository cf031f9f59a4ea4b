"""F10 to F16: servers that write what they must not, too much of it, or in strange pieces."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest

from tests.faults.conftest import SceneMaker
from tests.faults.invariants import eventually, metric
from tests.faults.scene import Scene, entry
from tests.pace import within

pytestmark = pytest.mark.timeout(300)

MIB = 1024 * 1024


def log_of(play: Scene, name: str) -> str:
    return (play.home.directory / "data" / "logs" / f"server-{name}.log").read_text()


def warnings_of(play: Scene, name: str) -> list[str]:
    """What the main log says of a server's wrong output."""
    text = (play.home.directory / "data" / "logs" / "main.log").read_text()
    words = ("WARNING", "is not MCP", f"server={name} ")
    return [line for line in text.splitlines() if all(word in line for word in words)]


def memory(play: Scene) -> int:
    """Bytes of memory the program holds."""
    return int(psutil.Process(play.pid).memory_info().rss)


@pytest.mark.parametrize(
    ("mode", "kind", "copied"),
    [
        (("banner", "Listening ..."), "not_json", "Listening ..."),
        (("bad-utf8",), "utf8", "\\xff\\xfe"),
    ],
    ids=["f10_banner", "f11_bad_utf8"],
)
async def test_f10_f11_what_is_no_message_is_dropped_counted_and_warned_of_once(
    scene: SceneMaker, mode: tuple[str, ...], kind: str, copied: str
) -> None:
    """The server is ready and answers; its log has the lines, the main log one warning."""
    async with scene({"victim": entry(*mode)}) as play:
        await play.shows("victim", "ready", action="")
        client = await play.client("victim")
        for _ in range(20):
            assert "result" in await play.ledger.call(client)
        counted = metric(
            await play.metrics(),
            "mcpproxy_protocol_violations_total",
            server="victim",
            kind=kind,
        )
        assert counted >= 24  # one before each answer, those of the hand-shake included
        missing = await eventually(
            lambda: [] if log_of(play, "victim").count(copied) >= counted else ["lines"]
        )
        assert not missing
        assert len(warnings_of(play, "victim")) == 1


async def test_f12_garbage_at_full_speed_is_held_back_and_then_ended(scene: SceneMaker) -> None:
    """Short lines, long ones and one without end: little CPU and memory, then STDOUT_FLOOD."""
    async with scene() as play:
        before = memory(play)
        process = psutil.Process(play.pid)
        cpu, began = process.cpu_times(), time.monotonic()
        play.configure(
            {
                "short": {"command": "yes"},
                "endless": {"command": "cat", "args": ["/dev/zero"]},
                "words": entry("flood", "tools/list"),
            }
        )
        ended = asyncio.gather(
            *(
                play.shows(name, "backoff", code="STDOUT_FLOOD", action="view_logs")
                for name in ("short", "endless", "words")
            )
        )
        peak = 0
        while not ended.done():
            await asyncio.wait([ended], timeout=0.1)
            peak = max(peak, memory(play) - before)
        ended.result()
        used = process.cpu_times()
        took = time.monotonic() - began
        busy = (used.user + used.system - cpu.user - cpu.system) / took
        assert 5 < took < within(25)
        assert peak < 64 * MIB  # of which 16 for the line without an end
        assert busy < 0.9  # of a core, for three floods, the bystander's calls and the onlookers


async def test_f13_lines_in_pieces_are_put_together(scene: SceneMaker) -> None:
    """Byte by byte, with CR LF, and a last answer without its newline."""
    modes = {"bytes": "bytewise", "windows": "crlf", "last": "no-final-newline"}
    async with scene({name: entry(mode) for name, mode in modes.items()}) as play:
        await play.ready()
        for name in modes:
            client = await play.client(name)
            assert "result" in await play.ledger.call(client, text="x" * 1000)
        last = await play.client("last")
        assert "pid" in (await last.call("exit", {"code": 0}))["structuredContent"]
        await play.recovers("last", within=within(5.0))


async def test_f14_a_line_of_100_mb_costs_only_its_own_request(scene: SceneMaker) -> None:
    """It is dropped as it comes; an answer that is too long fails with words; memory is back."""
    async with scene({"victim": entry()}) as play:
        await play.ready()
        client = await play.client("victim")
        before = memory(play)
        waiting = asyncio.create_task(play.ledger.call(client, "long", bytes=100 * MIB, bare=True))
        peak = before
        while not waiting.done():
            await asyncio.wait([waiting], timeout=0.02)
            peak = max(peak, memory(play))
        assert "result" in waiting.result()
        assert peak - before < 64 * MIB
        reply = await play.ledger.call(client, "long", bytes=20 * MIB)
        assert "bytes in one line, 16 MiB are taken" in reply["error"]["message"]
        assert "result" in await play.ledger.call(client)
        await play.shows("victim", "ready", action="")
        high = await eventually(lambda: ["RSS"] if memory(play) - before > 32 * MIB else [])
        assert not high


async def test_f15_hostile_json_between_good_answers(scene: SceneMaker) -> None:
    """None of the lines is taken for an answer or ends anything."""
    async with scene({"victim": entry("hostile")}) as play:
        await play.ready()
        first, second = await play.client("victim"), await play.client("victim")
        pid = play.server("victim")["pid"]
        for _ in range(5):
            for reply in await asyncio.gather(play.ledger.call(first), play.ledger.call(second)):
                assert "result" in reply
        assert (await play.shows("victim", "ready", action=""))["pid"] == pid


async def test_f16_a_flood_on_stderr_is_drained_and_its_log_cut(scene: SceneMaker) -> None:
    """The server finishes; a megabyte a second is kept, and how much was left out is said."""
    async with scene({"lines": entry(), "endless": entry("stderr-line", str(20 * MIB))}) as play:
        await play.ready("lines", "endless")
        client = await play.client("lines")
        before, began = memory(play), time.monotonic()
        text = "\x1b[31mred " * 120 + "\n"  # long lines are read several times as fast as kept
        reply = await play.ledger.call(client, "stderr", text=text, times=16 * MIB // len(text))
        assert "result" in reply
        assert memory(play) - before < 32 * MIB
        client = await play.client("endless")
        assert "result" in await play.ledger.call(client)
        await client.call("stderr", {"text": "the end\n"})

        def missing() -> list[str]:
            said = log_of(play, "lines")
            return [] if "[suppressed " in said and "red" in said else ["the remark"]

        assert not await eventually(missing)
        said = log_of(play, "lines")
        took = time.monotonic() - began
        kept = said.count("red")
        assert kept * 8 < (2 + took) * 1.2 * MIB
        assert "\x1b" not in said
        assert not await eventually(
            lambda: [] if "bytes in one line)" in log_of(play, "endless") else ["the line"]
        )


async def test_f20_a_pipe_that_is_closed_is_the_end(scene: SceneMaker) -> None:
    """Output closed, input closed, and a grandchild that holds the pipes of a dead parent."""
    async with scene(
        {"out": entry("close-stdout", "tools/list"), "in": entry("close-stdin", "tools/list")}
    ) as play:
        for name in ("out", "in"):
            await play.shows(name, "backoff", code="OUTPUT_CLOSED", action="restart")
        file = play.home.directory / "grandchild"
        play.configure({"holder": entry("grandchild", "hold", str(file))})
        pid = (await play.shows("holder", "ready"))["pid"]
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await play.shows("holder", "backoff", code="CRASHED", action="restart")
        assert time.monotonic() - began < within(2.0)

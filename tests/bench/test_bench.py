"""The benchmarks run and say what they promise; how fast anything was is never tested."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.bench import metrics
from tests.bench.calls import LARGE, SMALL, THROUGH_HUB, targets
from tests.bench.echo import LARGE_TEXT
from tests.bench.load import Plan, run
from tests.bench.process import PROC
from tests.bench.result import Row, Samples, Scale, table
from tests.program import ROOT

LIMIT = 50.0

needs_proc = pytest.mark.skipif(
    not (PROC / "self" / "schedstat").exists(), reason="the benchmarks read Linux's /proc"
)


def test_ratio_is_a_cost_whichever_way_the_values_go() -> None:
    """Half the rate and twice the time are both a ratio of 2; without a floor there is none."""
    rate = Row(name="r", value=50, unit="calls/s", floor_name="f", floor=100, more_is_better=True)
    time = Row(name="t", value=2, unit="ms", floor_name="f", floor=1)
    assert (rate.ratio, time.ratio) == (2, 2)
    assert Row(name="n", value=2, unit="ms").ratio is None
    assert Row(name="z", value=2, unit="/s", floor_name="f", floor=0).ratio is None
    shown = table([rate]).splitlines()[1].split()
    assert shown == ["2.00", "r", "50", "calls/s", "100", "calls/s", "f"]


def test_samples_are_read_as_medians() -> None:
    """One disturbed round does not decide."""
    samples = Samples()
    for value in (1.0, 2.0, 90.0):
        samples.add("x", value)
    assert samples["x"] == 2.0


@needs_proc
async def test_load_counts_true_answers_of_every_target() -> None:
    """Each target answers: the program, its hub, the passthrough, the pipe; and in full."""
    async with targets() as plans:
        for name, plan in plans.items():
            plan.seconds = 0.1
            plan.clients = 4
            plan.params = THROUGH_HUB if name == "hub" else SMALL
            assert 80 < (await run(plan)).answer_bytes < 300, name
            if name != "hub":
                plan.params = LARGE
                assert (await run(plan)).answer_bytes > LARGE_TEXT, name


@needs_proc
async def test_load_stops_at_a_wrong_answer() -> None:
    """A gateway that answers something else is not measured as a fast one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"jsonrpc":"2.0","id":999,"result":{"content":[]}}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionError, match="a wrong answer to 1"):
            await run(Plan(params=SMALL, clients=1, seconds=0.1, port=port))


@needs_proc
async def test_command_measures_what_is_named_and_writes_it(tmp_path: Path) -> None:
    """``bench NAME --quick --json FILE`` prints a table and writes rows with their ratios."""
    file = tmp_path / "found.json"
    code, said = await _bench("search", "--quick", "--json", str(file))
    assert code == 0, said
    assert "search of 10000 tools" in said
    rows = json.loads(file.read_text())["rows"]
    assert rows[0]["floor"] > 0
    assert rows[0]["ratio"] == rows[0]["value"] / rows[0]["floor"]


async def test_command_names_what_there_is() -> None:
    """A name that does not exist is refused with those that do."""
    code, said = await _bench("speed")
    assert code == 2
    assert "there is no 'speed'; there are calls, large, recovery" in said


async def _bench(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    return process.returncode or 0, said.decode()


async def test_recording_and_scraping_are_measured() -> None:
    """Each row has what it promises; one with a floor has a ratio."""
    rows = {row.name: row for row in await metrics.measure(Scale(rounds=1))}
    assert len(rows) == 4
    assert all(row.value > 0 for row in rows.values())
    assert sum(row.ratio is not None for row in rows.values()) == 3

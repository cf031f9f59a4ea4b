"""The benchmarks run and say what they promise; how fast anything was is never tested."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

import core
from tests.bench import (
    calls,
    growth,
    idle,
    instructions,
    memory,
    product,
    snapshot,
    startup,
    watching,
)
from tests.bench.__main__ import MEASUREMENTS, main
from tests.bench.aims import told
from tests.bench.answers import Answer, Answers
from tests.bench.echo import LARGE_TEXT
from tests.bench.load import Plan, run
from tests.bench.peers import install, measure
from tests.bench.peers.catalogue import PEERS, Place
from tests.bench.process import PROC
from tests.bench.report import PAGE, renewed
from tests.bench.result import Row, Samples, Scale, plain, table
from tests.bench.targets import PIPE, Target, params_of, targets
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


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
@pytest.mark.parametrize(
    "sent",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n{"jsonrpc":"2.0","id":7,"result":"abc"}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'd\r\ndata: {"resul\r\n10;x=y\r\nt": 1, "id": 7}\n\r\n0\r\n\r\n',
    ],
)
def test_answers_end_where_they_end(sent: bytes, pieces: int) -> None:
    """Of known length or in chunks, in however small pieces; one answer after the other."""
    answers = Answers()
    found: list[Answer] = []
    for _ in range(2):
        for at in range(0, len(sent), pieces):
            answer = answers.feed(sent[at : at + pieces])
            if answer is not None:
                found.append(answer)
    assert [answer.is_result(7) for answer in found] == [True, True]
    assert not found[0].is_result(8)


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}',
        b"{}",
    ],
)
def test_a_failure_is_no_result(body: bytes) -> None:
    """A gateway that fails quickly is not measured as a fast one."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    answer = Answers().feed(head + body)
    assert answer is not None
    assert not answer.is_result(1)


def test_aims_are_judged_by_their_rows() -> None:
    """By value or by ratio, from above or from below; what was not measured is neither."""
    rows = [
        Row(name="publish one server of 1000", value=19, unit="us"),
        Row(name="publish one server of 10000", value=99, unit="us"),
        Row(
            name="the best of 3", value=5, unit="/s", floor_name="f", floor=35, more_is_better=True
        ),
        Row(name="0 servers: resident memory", value=46, unit="MB"),
    ]
    said = told(rows).splitlines()
    assert "met     publish one server of 1000: 19 us, at most 20" in said
    assert "met     the best of 3: 7 ratio, at least 6" in said
    assert "missed  0 servers: resident memory: 46 MB, at most 45" in said
    assert "        search of 10000 tools, 4 words: not measured" in said
    assert len(told(rows, all_of_them=False).splitlines()) == 3


@needs_proc
async def test_load_counts_true_answers_of_every_target() -> None:
    """Each target answers: the program's addresses, the passthroughs, the pipe; and in full."""
    async with targets() as asked:
        for name, target in asked.items():
            small = await run(target.asking("small", 4, 0.1))
            assert 80 < small.answer_bytes < 300, name
            assert (await run(target.asking("large", 4, 0.1))).answer_bytes > LARGE_TEXT, name
            if name != PIPE:
                assert (await run(target.asking("small", 4, calls=3))).calls == 12


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
            await run(Plan(params=params_of("small"), seconds=0.1, port=port))


@needs_proc
async def test_command_measures_what_is_named_and_writes_it(tmp_path: Path) -> None:
    """``bench NAME --quick --json FILE`` prints a table and writes rows with their ratios."""
    file = tmp_path / "found.json"
    code, said = await _bench("search", "--quick", "--json", str(file))
    assert code == 0, said
    assert "search of 10000 tools" in said
    found = json.loads(file.read_text())
    assert found["versions"]["product"] == core.__version__
    assert [aim["row"] for aim in found["aims"]] == ["search of 10000 tools, 4 words"]
    rows = found["rows"]
    assert rows[0]["floor"] > 0
    assert rows[0]["ratio"] == rows[0]["value"] / rows[0]["floor"]


def test_tables_of_the_page_are_renewed_from_what_was_found() -> None:
    """Those of what was measured are written anew, the others and the words stay."""

    def found(measurement: str, row: Row) -> dict[str, object]:
        return {"measurement": measurement, **plain(row)}

    rows = [
        found("recovery", Row(name="killed", value=4, unit="ms", floor_name="f", floor=2)),
        found("growth", Row(name="x, 10 servers", value=1, unit="us", floor_name="f", floor=1)),
        found("growth", Row(name="x, 1,000 servers", value=2, unit="us", floor_name="f", floor=1)),
    ]
    what = "/a, results of 1 MB, 1 client: CPU"
    rows.append(found("large", Row(name=what, value=3, unit="us", floor_name="f", floor=1)))
    names = ("recovery", "growth", "large: CPU", "calls: CPU")
    page = "words\n" + "".join(f"<!-- table {n} -->\nold {n}\n<!-- end -->\n" for n in names)
    said = renewed(page, [{"rows": rows}])
    assert "| 2.00 | killed | 4 ms | 2 ms, f |" in said
    assert "| x | 1 us | 2 us | 2.00 |" in said
    assert "| /a | - | - | **3.00** (3) | - |" in said
    assert "old calls: CPU" in said
    assert "old recovery" not in said
    assert said.startswith("words\n")


def test_every_table_of_the_page_is_one_that_is_measured() -> None:
    """A table whose name nothing writes would grow old unseen."""
    tables = re.findall(r"<!-- table ([^>:]+?)(?:: \w+)? -->", PAGE.read_text())
    assert set(tables) <= {*MEASUREMENTS, "aims", "circumstances"}
    assert len(tables) > 15


@needs_proc
def test_a_measurement_that_fails_costs_itself_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are told all the same, and the exit code says that one is missing."""

    async def fails(scale: Scale) -> list[Row]:
        raise ConnectionError("the program ended")

    async def works(scale: Scale) -> list[Row]:
        return [Row(name="x", value=1, unit="s")]

    monkeypatch.setitem(MEASUREMENTS, "idle", fails)
    monkeypatch.setitem(MEASUREMENTS, "memory", works)
    monkeypatch.setattr(sys, "argv", ["bench", "idle", "memory"])
    assert main() == 1
    said = capsys.readouterr()
    assert "idle is not measured: the program ended." in said.err
    assert "1 s" in said.out


async def test_command_names_what_there_is() -> None:
    """A name that does not exist is refused with those that do."""
    code, said = await _bench("speed")
    assert code == 2
    assert "there is no 'speed'; there are calls, large, instructions" in said


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


TINY = Scale(rounds=1, seconds=0.1, watch=0.1, quick=True)


@needs_proc
@pytest.mark.parametrize("name", sorted(MEASUREMENTS.keys() - {"instructions", "peers", "search"}))
async def test_every_measurement_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finds what it promises, with as little of everything as shows that."""
    for module, few in (
        (calls, {"CLIENTS": (1,)}),
        (growth, {"SIZES": (10, 20), "LISTINGS": 3}),
        (idle, {"COUNTS": (0, 1), "SETTLED": 0.1}),
        (memory, {"COUNTS": (0, 1)}),
        (snapshot, {"SIZES": (10,), "LISTENERS": (1,)}),
        (startup, {"COUNTS": (1, 2)}),
        (watching, {"LISTENERS": (1, 3), "LISTINGS": 10}),
    ):
        for constant, value in few.items():
            monkeypatch.setattr(module, constant, value)
    rows = await MEASUREMENTS[name](TINY)
    assert len(rows) > 1
    assert all(math.isfinite(row.value) for row in rows)
    assert any(row.ratio is not None for row in rows) or name == "idle"


@needs_proc
async def test_other_gateways_are_measured_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is built as the official SDK documents; those that are not here are left out."""
    monkeypatch.setattr(install, "PLACE", Path("/nonexistent"))
    monkeypatch.setattr(idle, "SETTLED", 0.1)
    monkeypatch.setattr(measure, "RECOVERY_LIMIT", 2.0)
    rows = await measure.measure(Scale(rounds=1, seconds=0.1, watch=0.1))
    assert rows[0].name.startswith("the nearest of 1 other gateways (official SDK")
    assert rows[1].name.startswith("the best of 1 on the official SDK")
    assert all(row.value > 0 for row in rows if "wakeups" not in row.name)


def test_every_gateway_is_started_at_its_port(tmp_path: Path) -> None:
    """Each row of the catalogue makes a command or a config file with the port and the server."""
    for peer in PEERS:
        command = " ".join(peer.start(Place("program", 12345, tmp_path)))
        config = tmp_path / "config.json"
        told = command + (config.read_text() if config.exists() else "")
        config.unlink(missing_ok=True)
        assert command.startswith("program ")
        assert "12345" in told
        assert "tests.bench.echo" in told


@needs_proc
async def test_instructions_are_counted_without_the_start(tmp_path: Path) -> None:
    """A call through the floor costs some tens of thousands, start and handshake left out."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    counts = instructions.Counts(tmp_path)
    async with product.bare(1, counts.command) as floor:
        plan = Plan(params=params_of("small"), port=floor.port, watched=floor.pid)
        target = Target(name="floor", plan=plan)
        assert 30_000 < await instructions.per_call(target, counts, 20) < 500_000


async def test_instructions_are_not_counted_without_valgrind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing costs that measurement only, and is said."""
    monkeypatch.setenv("PATH", "/nonexistent")
    assert await instructions.measure(Scale(rounds=1)) == []
    assert "valgrind is not installed" in capsys.readouterr().err

"""What each thing that takes calls down costs, as a share of a whole call.

A call's own cost is the CPU time of the program per call of sixteen clients, recording included.
What a recorder costs is measured alone, in the same run: it is some microseconds of a hundred,
too little to be seen by switching it off among what else varies.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.gateway.record import Record
from core.gateway.trace import checked
from core.protocol.calls import Call, Reply
from core.storage.activity import MOST_A_BATCH, Activity, Retention
from core.storage.database import Database
from core.telemetry.counters import Counters
from tests.bench.product import pin_program, running
from tests.bench.result import Row, Samples, Scale, say
from tests.bench.targets import ask, at_product
from tests.bench.timing import seconds

PARAMS = b'{"name":"create_issue","arguments":{"title":"x"}}'
REPLY = b'{"content":[{"type":"text","text":"done"}],"isError":false}'
CLIENTS = 16
CLOSING = 10.0  # seconds
LABELS = ("git", "create_issue", "success")


async def measure(scale: Scale) -> list[Row]:
    samples = Samples()
    counters = Counters()
    record = Record(counters)
    work: dict[str, Callable[[], object]] = {
        "counters (three)": lambda: _counted(counters),
        "histograms (three)": lambda: _observed(counters),
        "metrics in all, with what tells the outcome": lambda: recorded(counters, record),
        "trace context, looked for and not there": lambda: checked(PARAMS, remote=False),
    }
    async with running(1) as product:
        await pin_program(product)
        target = at_product("whole", product)
        for _ in range(scale.rounds):
            load = await ask(target.asking("small", CLIENTS, scale.seconds))
            samples.add("whole", load.cpu)
            for name, each in work.items():
                samples.add(name, seconds(each))
            for name, took in (await _kept()).items():
                samples.add(name, took)
    return [
        Row(
            name=name,
            value=samples[name] * 1e6,
            unit="us",
            floor_name="a whole call's CPU",
            floor=samples["whole"] * 1e6,
        )
        for name in samples.values
        if name != "whole"
    ]


def _counted(counters: Counters) -> None:
    counters.requests.inc("tools/call", "success")
    counters.tool_calls.inc(*LABELS)
    counters.http_requests.inc("POST", "/mcp", "200")


def _observed(counters: Counters) -> None:
    counters.tool_call_duration.observe(0.012, *LABELS)
    counters.proxy_overhead.observe(0.0001)
    counters.http_request_duration.observe(0.012, "POST", "/mcp")


def recorded(counters: Counters, record: Record) -> None:
    """All that metrics take down of one tool call, its HTTP request included."""
    watched = record.arrived("tools/call")
    asked = Call()
    ended = record.call("git", "create_issue", PARAMS, 1.0)
    watched.sent(1.0)
    asked.finish(Reply(result=REPLY))
    counters.http_requests.inc("POST", "/mcp", "200")
    counters.http_request_duration.observe(0.012, "POST", "/mcp")
    watched.ended(ended(asked))
    watched.handed_on(asked)


async def _kept() -> dict[str, float]:
    """History: what the loop does for a call, and what the storage thread does for it later.

    The latter is CPU time per call of a full batch. Beyond a batch a second calls are only
    counted, so that a busy gateway pays less of it per call.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        database = Database(Path(directory) / "db", Counters(), say, say)
        activity = Activity(database, Retention)
        await activity.usage()  # opens the file
        began = time.process_time()
        for _ in range(MOST_A_BATCH):
            activity.record("git", "create_issue", "success", 0.012, len(REPLY))
        noted = time.process_time()
        await activity.usage()  # after what waits was written
        written = time.process_time()
        activity.close()
        await database.close(CLOSING)
    return {
        "history, noted before the answer": (noted - began) / MOST_A_BATCH,
        "history, written by its thread": (written - noted) / MOST_A_BATCH,
    }

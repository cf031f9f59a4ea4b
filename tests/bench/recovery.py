"""A server that is killed: until that shows, and until it can be called again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from datetime import datetime

from tests.bench.load import run
from tests.bench.passthrough import ECHO
from tests.bench.product import environment, running, server_name
from tests.bench.result import Row, Samples, Scale
from tests.bench.targets import at_product
from tests.program import ROOT, Json, RunningProgram

SERVER = server_name(0)
LIMIT = 30.0  # seconds until a killed server must be back

_OPENING = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)
OPENING = b"".join(json.dumps(message).encode() + b"\n" for message in _OPENING)


async def measure(scale: Scale) -> list[Row]:
    samples = Samples()
    for _ in range(scale.rounds):
        # A program of its own for each round: a server that fails again waits for longer.
        async with running(1) as product:
            await _kill_and_watch(product, samples)
        samples.add("start", await start_directly(1))
    return [
        Row(name="killed until it shows on /events", value=samples["shown"] * 1e3, unit="ms"),
        Row(
            name="killed until ready again, less the wait before the retry",
            value=samples["back"] * 1e3,
            unit="ms",
            floor_name="started directly, to its tools",
            floor=samples["start"] * 1e3,
        ),
        Row(
            name="killed until a call works again, less that wait",
            value=samples["called"] * 1e3,
            unit="ms",
            floor_name="started directly, to its tools",
            floor=samples["start"] * 1e3,
        ),
    ]


async def _kill_and_watch(product: RunningProgram, samples: Samples) -> None:
    pid = (await product.server(SERVER))["pid"]
    killed = shown = 0.0
    wait = 0.0
    async with asyncio.timeout(LIMIT):
        async for world in product.events():
            entry: Json = world["servers"][SERVER]
            if not killed:
                killed = time.time()
                os.kill(pid, signal.SIGKILL)
            elif entry["status"] == "ready" and entry["pid"] != pid:
                samples.add("back", time.time() - killed - wait)
                await run(at_product(SERVER, product).asking("small", 1, calls=1))
                samples.add("called", time.time() - killed - wait)
                return
            elif not shown and entry["status"] != "ready":
                shown = time.time()
                samples.add("shown", shown - killed)
            if entry.get("retry_at"):
                began = datetime.fromisoformat(entry["since"]).timestamp()
                wait = datetime.fromisoformat(entry["retry_at"]).timestamp() - began


async def start_directly(servers: int) -> float:
    """Start so many echo servers at once by the simplest means; seconds until all told their tools.

    They are stopped outside the time taken.
    """
    began = time.perf_counter()
    processes = await asyncio.gather(*(_opened() for _ in range(servers)))
    took = time.perf_counter() - began
    for process in processes:
        process.kill()
        await process.communicate()
    return took


async def _opened() -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *ECHO,
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(OPENING)
    for _ in range(2):
        await process.stdout.readline()
    return process

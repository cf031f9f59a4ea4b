"""What it costs that people and scripts look: a list while a server hangs, events to many."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.process import cpu_seconds
from tests.bench.product import running, server_name
from tests.bench.result import Row, Samples, Scale
from tests.bench.timing import PIECE, gets
from tests.program import KEY, RunningProgram

LISTENERS = (1, 10, 100)
SERVERS = 10
LISTINGS = 300
LIMIT = 30.0

_READY = b'"status":"ready"'
_DELTA = b"event: delta"


async def measure(scale: Scale) -> list[Row]:
    async with running(SERVERS) as product:
        rows = await _listed(product, scale)
    async with running(1) as product:
        rows += await _told(product, scale)
    return rows


async def _listed(product: RunningProgram, scale: Scale) -> list[Row]:
    """The list of servers, while all answer and while one does not."""
    pid = (await product.server(server_name(0)))["pid"]
    samples = Samples()
    for _ in range(scale.rounds):
        for how, number in (("all answer", signal.SIGCONT), ("one hangs", signal.SIGSTOP)):
            os.kill(pid, number)
            took = await gets(product, "/api/v1/servers", LISTINGS)
            samples.add(f"{how} p50", took[LISTINGS // 2])
            samples.add(f"{how} p99", took[LISTINGS * 99 // 100])
        os.kill(pid, signal.SIGCONT)
    return [
        Row(
            name=f"the list of {SERVERS} servers, one of which hangs: {point}",
            value=samples[f"one hangs {point}"] * 1e3,
            unit="ms",
            floor_name="while all answer",
            floor=samples[f"all answer {point}"] * 1e3,
        )
        for point in ("p50", "p99")
    ]


@dataclass(slots=True)
class Listener:
    """One client of /events: how many events it got, and when it heard what it waits for."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: int = 0
    back: float = 0.0  # when the server was ready again

    @classmethod
    async def listen(cls, product: RunningProgram) -> Listener:
        port = urlsplit(product.base).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ("GET /events HTTP/1.1", f"host: 127.0.0.1:{port}", f"x-api-key: {KEY}", "", "")
        writer.write("\r\n".join(lines).encode())
        await reader.readuntil(_READY)  # the world as it is
        return cls(reader, writer)

    async def hear(self) -> None:
        """Read until the server has gone and come back."""
        while not self.back:
            data = await self.reader.read(PIECE)
            assert data, "the event stream ended"
            self.events += data.count(_DELTA)
            if _READY in data:
                self.back = time.perf_counter()


async def _told(product: RunningProgram, scale: Scale) -> list[Row]:
    """A server is restarted, and everybody who listens sees it go and come back."""
    samples = Samples()
    for _ in range(scale.rounds):
        for number in LISTENERS:
            await _restarted(product, number, samples)
    few, many = LISTENERS[0], LISTENERS[-1]
    events = samples[f"{many} events"] - samples[f"{few} events"]
    rows = [
        Row(
            name=f"an event to {number} that listen: from the first of them to the last",
            value=samples[f"{number} spread"] * 1e3,
            unit="ms",
        )
        for number in LISTENERS[1:]
    ]
    rows.append(
        Row(
            name="an event to one more that listens: CPU",
            value=(samples[f"{many} cpu"] - samples[f"{few} cpu"]) / events * 1e6,
            unit="us",
        )
    )
    return rows


async def _restarted(product: RunningProgram, number: int, samples: Samples) -> None:
    listeners = [await Listener.listen(product) for _ in range(number)]
    try:
        async with asyncio.timeout(LIMIT):
            before = cpu_seconds(product.process.pid)
            await product.post(f"/api/v1/servers/{server_name(0)}/restart")
            await asyncio.gather(*(each.hear() for each in listeners))
            samples.add(f"{number} cpu", cpu_seconds(product.process.pid) - before)
    finally:
        for each in listeners:
            each.writer.close()
        await asyncio.gather(*(each.writer.wait_closed() for each in listeners))
    samples.add(f"{number} events", sum(each.events for each in listeners))
    heard = [each.back for each in listeners]
    samples.add(f"{number} spread", max(heard) - min(heard))

"""Calls through the gateway: how many, how late, and at what cost of CPU."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import msgspec

from tests.bench.load import Load, Plan
from tests.bench.passthrough import ECHO
from tests.bench.process import pin
from tests.bench.product import (
    GATEWAY_CORE,
    OTHER_CORE,
    bare,
    environment,
    pin_bare,
    pin_program,
    running,
    server_name,
)
from tests.bench.result import Row, Samples, Scale
from tests.program import ROOT

SERVER = server_name(0)
SMALL = '{"name":"small","arguments":{"text":"ping"}}'
LARGE = '{"name":"large","arguments":{}}'
THROUGH_HUB = f'{{"name":"call_tool","arguments":{{"name":"{SERVER}:small","args":{{}}}}}}'

PASSTHROUGH = "bare passthrough"


async def measure(scale: Scale) -> list[Row]:
    rows = []
    async with targets() as plans:
        for clients in (1, 16) if scale.quick else (1, 16, 64):
            rows += await _compare(scale, plans, clients)
    return rows


async def measure_large(scale: Scale) -> list[Row]:
    rows = []
    async with targets() as plans:
        del plans["hub"]
        for clients in (1,) if scale.quick else (1, 16):
            samples = await _in_turns(scale, plans, clients, LARGE)
            rows.append(
                Row(
                    name=f"1 MB results, {_asked_by(clients)}",
                    value=samples["server bytes"] / 1e6,
                    unit="MB/s",
                    floor_name=PASSTHROUGH,
                    floor=samples["bare bytes"] / 1e6,
                    more_is_better=True,
                )
            )
            rows.append(_cpu_row(f"1 MB results, {_asked_by(clients)}: CPU", samples, "server"))
    return rows


@asynccontextmanager
async def targets() -> AsyncIterator[dict[str, Plan]]:
    """Where to ask, by name; all of them run at once, and are asked in turns."""
    async with running(1) as product, bare(1) as floor:
        await pin_program(product)
        pin_bare(floor)
        port = urlsplit(product.base).port or 0
        pid = product.process.pid
        yield {
            "server": _plan(port=port, path=f"/mcp/s/{SERVER}", watched=pid),
            "hub": _plan(port=port, path="/mcp", watched=pid),
            "bare": _plan(port=floor.port, watched=floor.pid),
            "pipe": _plan(argv=ECHO),
        }


def _plan(port: int = 0, path: str = "", watched: int = 0, argv: tuple[str, ...] = ()) -> Plan:
    return Plan(
        params=SMALL, clients=1, seconds=1, port=port, path=path, watched=watched, argv=argv
    )


async def _compare(scale: Scale, plans: dict[str, Plan], clients: int) -> list[Row]:
    samples = await _in_turns(scale, plans, clients, SMALL)
    rows = []
    for name, path in (("server", "/mcp/s/{server}"), ("hub", "/mcp call_tool")):
        what = f"{path}, {_asked_by(clients)}"
        rows.append(
            Row(
                name=what,
                value=samples[f"{name} rate"],
                unit="calls/s",
                floor_name=PASSTHROUGH,
                floor=samples["bare rate"],
                more_is_better=True,
            )
        )
        rows.append(_cpu_row(f"{what}: CPU", samples, name))
        rows += [
            Row(
                name=f"{what}: {point}",
                value=samples[f"{name} {point}"] * 1e3,
                unit="ms",
                floor_name=PASSTHROUGH,
                floor=samples[f"bare {point}"] * 1e3,
            )
            for point in ("p50", "p99")
        ]
    pipe = samples["pipe p50"]
    rows.append(
        Row(
            name=f"/mcp/s/{{server}}, {_asked_by(clients)}: p50 added to a direct pipe's",
            value=(samples["server p50"] - pipe) * 1e3,
            unit="ms",
            floor_name=PASSTHROUGH,
            floor=(samples["bare p50"] - pipe) * 1e3,
        )
    )
    rows.append(
        Row(
            name=f"direct pipe, {_asked_by(clients)}",
            value=samples["pipe rate"],
            unit="calls/s",
        )
    )
    return rows


def _cpu_row(name: str, samples: Samples, target: str) -> Row:
    return Row(
        name=name,
        value=samples[f"{target} cpu"] * 1e6,
        unit="us/call",
        floor_name=PASSTHROUGH,
        floor=samples["bare cpu"] * 1e6,
    )


def _asked_by(clients: int) -> str:
    return f"{clients} client" + ("s" if clients > 1 else "")


async def _in_turns(scale: Scale, plans: dict[str, Plan], clients: int, params: str) -> Samples:
    samples = Samples()
    for _ in range(scale.rounds):
        for name, where in plans.items():
            asked = THROUGH_HUB if name == "hub" else params
            plan = msgspec.structs.replace(
                where, params=asked, clients=clients, seconds=scale.seconds
            )
            load = await ask(plan)
            samples.add(f"{name} rate", load.rate)
            samples.add(f"{name} bytes", load.rate * load.answer_bytes)
            samples.add(f"{name} p50", load.p50)
            samples.add(f"{name} p99", load.p99)
            samples.add(f"{name} cpu", load.cpu)
    return samples


async def ask(plan: Plan) -> Load:
    """Carry out a plan in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        ECHO[0],
        "-m",
        "tests.bench.load",
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    # Where there is no gateway its core is free.
    pin(process.pid, OTHER_CORE if plan.port else GATEWAY_CORE)
    out, _ = await process.communicate(msgspec.json.encode(plan))
    if process.returncode:
        raise ConnectionError(f"the load on {plan.path or plan.argv} ended: see above")
    return msgspec.json.decode(out, type=Load)

"""Calls through the gateway: how many, how late, and at what cost of CPU."""

from __future__ import annotations

from tests.bench.result import Row, Samples, Scale
from tests.bench.targets import BARE, PIPE, Target, cpu_row, in_turns, targets

CLIENTS = (1, 16, 64)
SIZES = {"medium": "100 KB", "large": "1 MB"}


async def measure(scale: Scale) -> list[Row]:
    rows = []
    async with targets() as asked:
        for clients in CLIENTS[:2] if scale.quick else CLIENTS:
            samples = await in_turns(scale, asked, "small", clients)
            for target in asked.values():
                if target.floor:
                    rows += _compared(samples, target, clients)
            rows.append(_added(samples, asked, clients))
            rate = samples[f"{PIPE} rate"]
            rows.append(Row(name=f"{PIPE}, {asked_by(clients)}", value=rate, unit="calls/s"))
    return rows


async def measure_large(scale: Scale) -> list[Row]:
    rows = []
    async with targets() as asked:
        del asked[PIPE]
        for tool, size in SIZES.items():
            for clients in CLIENTS[:1] if scale.quick else CLIENTS[:2]:
                samples = await in_turns(scale, asked, tool, clients)
                for target in asked.values():
                    if target.floor:
                        rows += _transferred(samples, target, f"{size}, {asked_by(clients)}")
    return rows


def asked_by(clients: int) -> str:
    return f"{clients} client" + ("s" if clients > 1 else "")


def _compared(samples: Samples, target: Target, clients: int) -> list[Row]:
    what = f"{target.name}, {asked_by(clients)}"
    return [
        Row(
            name=what,
            value=samples[f"{target.name} rate"],
            unit="calls/s",
            floor_name=target.floor,
            floor=samples[f"{target.floor} rate"],
            more_is_better=True,
        ),
        cpu_row(what, samples, target.name, target.floor),
        *(
            Row(
                name=f"{what}: {point}",
                value=samples[f"{target.name} {point}"] * 1e3,
                unit="ms",
                floor_name=target.floor,
                floor=samples[f"{target.floor} {point}"] * 1e3,
            )
            for point in ("p50", "p99")
        ),
    ]


def _transferred(samples: Samples, target: Target, how: str) -> list[Row]:
    what = f"{target.name}, results of {how}"
    return [
        Row(
            name=what,
            value=samples[f"{target.name} bytes"] / 1e6,
            unit="MB/s",
            floor_name=target.floor,
            floor=samples[f"{target.floor} bytes"] / 1e6,
            more_is_better=True,
        ),
        cpu_row(what, samples, target.name, target.floor),
    ]


def _added(samples: Samples, asked: dict[str, Target], clients: int) -> Row:
    """What the first address adds to asking the server itself."""
    name, pipe = next(iter(asked)), samples[f"{PIPE} p50"]
    return Row(
        name=f"{name}, {asked_by(clients)}: p50 added to a direct pipe's",
        value=(samples[f"{name} p50"] - pipe) * 1e3,
        unit="ms",
        floor_name=BARE,
        floor=(samples[f"{BARE} p50"] - pipe) * 1e3,
    )

"""From nothing to an endpoint that answers, and to servers that are ready; what imports cost."""

from __future__ import annotations

import asyncio
import re
import sys
import time

import httpx

from tests.bench.product import bare, configure, environment, home_of_its_own
from tests.bench.recovery import start_directly
from tests.bench.result import Row, Samples, Scale
from tests.program import ROOT, program

IMPORTED = ("tray_app.cli", "core.app")
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \| ( *)(\S+)")


async def measure(scale: Scale) -> list[Row]:
    samples = Samples()
    for _ in range(scale.rounds):
        samples.add("bare", await _until_bare_answers())
        samples.add("product", await _until_healthy())
        samples.add("nothing", await _python("pass"))
        for name in IMPORTED:
            samples.add(name, await _python(f"import {name}"))
    rows = [
        Row(
            name="process start to an answer of /healthz",
            value=samples["product"] * 1e3,
            unit="ms",
            floor_name="bare passthrough, to its first answer",
            floor=samples["bare"] * 1e3,
        ),
        *(
            Row(
                name=f"a process that imports {name}",
                value=samples[name] * 1e3,
                unit="ms",
                floor_name="one that imports nothing",
                floor=samples["nothing"] * 1e3,
            )
            for name in IMPORTED
        ),
    ]
    rows += await _heaviest("core.app")
    for servers in (1, 10) if scale.quick else (1, 10, 50):
        rows.append(await _ready(servers, 1 if scale.quick else 3))
    return rows


async def _until_healthy() -> float:
    async with home_of_its_own() as home:
        configure(home, 0)
        began = time.perf_counter()
        # The address is printed once there is one, so asking needs no guessing.
        async with program(home) as started:
            answer = await started.http.get("/healthz")
            took = time.perf_counter() - began
            assert answer.status_code == 200
    return took


async def _until_bare_answers() -> float:
    async with httpx.AsyncClient(trust_env=False) as http:
        began = time.perf_counter()
        async with bare(0) as floor:
            answer = await http.get(f"http://127.0.0.1:{floor.port}/")
            took = time.perf_counter() - began
            assert answer.status_code == 200
    return took


async def _python(code: str, *flags: str) -> float:
    began = time.perf_counter()
    await _run_python(code, *flags)
    return time.perf_counter() - began


async def _run_python(code: str, *flags: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *flags,
        "-c",
        code,
        cwd=ROOT,
        env=environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


async def _heaviest(name: str) -> list[Row]:
    """The packages whose own modules take longest when ``name`` is imported, by -X importtime."""
    own: dict[str, int] = {}
    for line in (await _run_python(f"import {name}", "-X", "importtime")).splitlines():
        match = _LINE.match(line)
        if match is not None:
            package = match[4].partition(".")[0]
            own[package] = own.get(package, 0) + int(match[1])
    return [
        Row(name=f"import {name}: modules of {package}", value=spent / 1e3, unit="ms")
        for package, spent in sorted(own.items(), key=lambda item: -item[1])[:8]
    ]


async def _ready(servers: int, rounds: int) -> Row:
    samples = Samples()
    for _ in range(rounds):
        samples.add("directly", await start_directly(servers))
        async with home_of_its_own() as home:
            configure(home, servers)
            began = time.perf_counter()
            async with program(home) as started:
                await started.ready()
                samples.add("product", time.perf_counter() - began)
    return Row(
        name=f"process start to {servers} servers ready",
        value=samples["product"] * 1e3,
        unit="ms",
        floor_name="all started directly at once",
        floor=samples["directly"] * 1e3,
    )

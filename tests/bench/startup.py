"""From nothing to an endpoint, an icon, and servers that are ready; what imports cost."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.bench.process import cpu_seconds
from tests.bench.product import bare, configure, environment, home_of_its_own
from tests.bench.recovery import start_directly
from tests.bench.result import Row, Samples, Scale, say
from tests.fakes.tray_bus import NO_SERVICES, PrivateBus
from tests.fakes.tray_host import FakeHost
from tests.program import ROOT, program

COUNTS = (1, 10, 50)
IMPORTED = ("tray_app.cli", "core.app")
NOTHING = "one that imports nothing"
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \| ( *)(\S+)")


FIRST = "bare passthrough, to its first answer"


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds by the clock, and CPU time until then, which matters where others use the machine."""

    clock: float
    cpu: float


async def measure(scale: Scale) -> list[Row]:
    kinds: dict[str, Callable[[], Awaitable[Start]]] = {
        "answer of /healthz": _until_healthy,
        "icon in a panel": _until_icon,
        FIRST: _until_bare_answers,
        NOTHING: lambda: _python("pass"),
        **{f"import {name}": partial(_python, f"import {name}") for name in IMPORTED},
    }
    if shutil.which("dbus-daemon") is None:
        say("until the icon is there is not measured: dbus-daemon is not installed.")
        del kinds["icon in a panel"]
    samples = Samples()
    for turn in range(scale.rounds + 1):
        for kind, start in kinds.items():
            started = await start()
            if turn:  # the first may have had to compile
                samples.add(kind, started.clock)
                samples.add(f"{kind}: CPU", started.cpu)
    rows = []
    for kind in kinds.keys() - {FIRST, NOTHING}:
        imports = kind.startswith("import")
        what = f"a process to {kind}" if imports else f"process start to the {kind}"
        floor = NOTHING if imports else FIRST
        rows += [
            Row(
                name=f"{what}{measured}",
                value=samples[f"{kind}{measured}"] * 1e3,
                unit="ms",
                floor_name=floor,
                floor=samples[f"{floor}{measured}"] * 1e3,
            )
            for measured in ("", ": CPU")
        ]
    rows.sort(key=lambda row: row.name)
    rows += await _heaviest("core.app")
    for servers in COUNTS[:2] if scale.quick else COUNTS:
        rows += await _ready(servers, 1 if scale.quick else 3)
    return rows


async def _until_icon() -> Start:
    """With a bus and a panel that were there before."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        bus = PrivateBus(Path(directory))
        bus.start()
        host = FakeHost(bus.address)
        await host.start()
        desktop = {"DBUS_SESSION_BUS_ADDRESS": bus.address, **NO_SERVICES}

        async def shown(began: float) -> float:
            await host.item()
            return time.perf_counter() - began

        try:
            async with home_of_its_own() as home, asyncio.TaskGroup() as tasks:
                configure(home, 0)
                showing = tasks.create_task(shown(time.perf_counter()))
                async with program(home, "run", desktop) as started:
                    clock = await showing
                    return Start(clock, cpu_seconds(started.process.pid))
        finally:
            await host.stop()
            bus.kill()


async def _until_healthy() -> Start:
    async with home_of_its_own() as home:
        configure(home, 0)
        began = time.perf_counter()
        # The address is printed once there is one, so asking needs no guessing.
        async with program(home) as started:
            answer = await started.http.get("/healthz")
            took = Start(time.perf_counter() - began, cpu_seconds(started.process.pid))
            assert answer.status_code == 200
    return took


async def _until_bare_answers() -> Start:
    async with httpx.AsyncClient(trust_env=False) as http:
        began = time.perf_counter()
        async with bare(0) as floor:
            answer = await http.get(f"http://127.0.0.1:{floor.port}/")
            took = Start(time.perf_counter() - began, cpu_seconds(floor.pid))
            assert answer.status_code == 200
    return took


async def _python(code: str) -> Start:
    began, used = time.perf_counter(), _cpu_of_children()
    await _run_python(code)
    return Start(time.perf_counter() - began, _cpu_of_children() - used)


def _cpu_of_children() -> float:
    """Of those that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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


async def _ready(servers: int, rounds: int) -> list[Row]:
    samples = Samples()
    for _ in range(rounds):
        samples.add("one", await start_directly(1))
        samples.add("directly", await start_directly(servers))
        async with home_of_its_own() as home:
            configure(home, servers)
            began = time.perf_counter()
            async with program(home) as started:
                await started.ready()
                samples.add("product", time.perf_counter() - began)
    floors = {
        "all at once": samples["directly"],
        "their own times over the cores": samples["one"] * servers / (os.cpu_count() or 1),
    }
    return [
        Row(
            name=f"process start to {servers} servers ready, {how}",
            value=samples["product"] * 1e3,
            unit="ms",
            floor_name="started directly",
            floor=floor * 1e3,
        )
        for how, floor in floors.items()
    ]

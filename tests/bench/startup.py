"""From nothing to an endpoint, an icon, and servers that are ready; what imports cost."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.bench.product import bare, configure, environment, home_of_its_own
from tests.bench.recovery import start_directly
from tests.bench.result import Row, Samples, Scale, say
from tests.fakes.tray_bus import NO_SERVICES, PrivateBus
from tests.fakes.tray_host import FakeHost
from tests.program import ROOT, program

COUNTS = (1, 10, 50)
IMPORTED = ("tray_app.cli", "core.app")
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \| ( *)(\S+)")


async def measure(scale: Scale) -> list[Row]:
    samples = Samples()
    for _ in range(scale.rounds):
        samples.add("bare", await _until_bare_answers())
        samples.add("product", await _until_healthy())
        if shutil.which("dbus-daemon") is not None:
            samples.add("icon", await _until_icon())
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
        *_icon_row(samples),
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
    for servers in COUNTS[:2] if scale.quick else COUNTS:
        rows += await _ready(servers, 1 if scale.quick else 3)
    return rows


def _icon_row(samples: Samples) -> list[Row]:
    if "icon" not in samples.values:
        say("until the icon is there is not measured: dbus-daemon is not installed.")
        return []
    return [
        Row(
            name="process start to the icon in a panel",
            value=samples["icon"] * 1e3,
            unit="ms",
            floor_name="bare passthrough, to its first answer",
            floor=samples["bare"] * 1e3,
        )
    ]


async def _until_icon() -> float:
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
                async with program(home, "run", desktop):
                    return await showing
        finally:
            await host.stop()
            bus.kill()


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

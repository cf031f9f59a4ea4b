"""Every gateway that can be had on this machine beside ours, in turns, on the same core."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.idle import pause, watched
from tests.bench.load import Plan, run
from tests.bench.peers.catalogue import PEERS, Peer, Place
from tests.bench.peers.install import found, missing
from tests.bench.process import children, memory, pin
from tests.bench.product import GATEWAY_CORE, START_LIMIT, environment, pin_program, running
from tests.bench.result import Row, Samples, Scale, say
from tests.bench.targets import TOOL, Target, at_product, in_turns, params_of

OURS = "MCP Proxy Tray"
RECOVERY_LIMIT = 10.0  # seconds within which a killed server should be there again
PACE = 0.05  # seconds between two attempts


@dataclass(frozen=True, slots=True)
class Gateway:
    """One of them, running."""

    target: Target
    process: asyncio.subprocess.Process
    on_sdk: bool = False

    @property
    def name(self) -> str:
        return self.target.name


async def measure(scale: Scale) -> list[Row]:
    async with AsyncExitStack() as stack:
        product = await stack.enter_async_context(running(1))
        await pin_program(product)
        gateways = [Gateway(at_product(OURS, product), product.process)]
        for peer in PEERS:
            program = found(peer)
            if program is None:
                say(missing(peer))
                continue
            try:
                gateways.append(await stack.enter_async_context(started(peer, program)))
            except (ConnectionError, TimeoutError) as problem:
                say(f"{peer} is left out: it does not answer ({problem}).")
        rows = await _small(scale, gateways)
        rows += await _large(scale, gateways)
        rows += await _rest(scale, gateways)
        rows += await _recovery(gateways)
    return rows


@asynccontextmanager
async def started(peer: Peer, program: str, under: Sequence[str] = ()) -> AsyncIterator[Gateway]:
    """Answering, and on the core of gateways. Raises ConnectionError, TimeoutError.

    ``under`` is a command to start it by.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        place = Place(program, _free_port(), Path(directory))
        process = await asyncio.create_subprocess_exec(
            *under,
            *peer.start(place),
            env={**environment(), "HOME": directory, **peer.environment},
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            plan = Plan(
                params=params_of(peer.tool.format(tool=TOOL)),
                port=place.port,
                path=peer.path,
                shakes_hands=True,
                watched=process.pid,
            )
            target = Target(name=str(peer), floor=OURS, plan=plan)
            gateway = Gateway(target, process, peer.on_sdk)
            await _until_answered(gateway, START_LIMIT)
            pin(process.pid, GATEWAY_CORE)
            yield gateway
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


async def _until_answered(gateway: Gateway, limit: float) -> float:
    """Seconds until a call is answered. Raises ConnectionError, TimeoutError."""
    began = time.perf_counter()
    async with asyncio.timeout(limit):
        while True:
            try:
                await run(gateway.target.asking("small", 1, calls=1))
            except OSError:  # refused, wrong or late
                await pause(gateway.process, PACE)
            else:
                return time.perf_counter() - began


async def _small(scale: Scale, gateways: Sequence[Gateway]) -> list[Row]:
    asked = {gateway.name: gateway.target for gateway in gateways}
    one = await in_turns(scale, asked, "small", 1)
    many = await in_turns(scale, asked, "small", 16)
    rows = []
    for what, among in (
        ("the nearest of {} other gateways", gateways[1:]),
        ("the best of {} on the official SDK", [each for each in gateways if each.on_sdk]),
    ):
        if among:
            # By CPU time: on a core that others use too, a rate says how much of it was left.
            best = min((each.name for each in among), key=lambda name: many[f"{name} cpu"])
            name = f"{what.format(len(among))} ({best}): CPU, 16 clients"
            rows.append(_beside(name, many, best, "cpu", 1e6, "us/call"))
    for name in list(asked)[1:]:
        rows += [
            _beside(f"{name}: calls, 16 clients", many, name, "rate", 1, "calls/s"),
            _beside(f"{name}: CPU, 16 clients", many, name, "cpu", 1e6, "us/call"),
            _beside(f"{name}: p50, 1 client", one, name, "p50", 1e3, "ms"),
        ]
    return rows


async def _large(scale: Scale, gateways: Sequence[Gateway]) -> list[Row]:
    asked = {}
    for gateway in gateways:
        try:
            await run(gateway.target.asking("large", 1, calls=1))
        except OSError:
            say(f"{gateway.name} does not pass on results of 1 MB.")
        else:
            asked[gateway.name] = gateway.target
    samples = await in_turns(scale, asked, "large", 1)
    return [
        _beside(f"{name}: results of 1 MB, 1 client", samples, name, "bytes", 1e-6, "MB/s")
        for name in list(asked)[1:]
    ]


def _beside(what: str, samples: Samples, name: str, kind: str, scaled: float, unit: str) -> Row:
    return Row(
        name=what,
        value=samples[f"{name} {kind}"] * scaled,
        unit=unit,
        floor_name=OURS,
        floor=samples[f"{OURS} {kind}"] * scaled,
        more_is_better=unit.endswith("/s"),
    )


async def _rest(scale: Scale, gateways: Sequence[Gateway]) -> list[Row]:
    """Memory and wakeups with one server, after the work; all rest at the same time."""
    pids = [gateway.process.pid for gateway in gateways]
    ours, *others = await watched(pids, gateways[0].process, scale.watch)
    kept, *theirs = map(memory, pids)
    rows = []
    for gateway, rest, held in zip(gateways[1:], others, theirs, strict=True):
        pairs = (
            ("memory after the work", "MB", held[0], kept[0]),
            ("wakeups at rest", "per second", rest.wakeups, ours.wakeups),
        )
        rows += [
            Row(name=f"{gateway.name}: {what}", value=v, unit=unit, floor_name=OURS, floor=below)
            for what, unit, v, below in pairs
        ]
    return rows


async def _recovery(gateways: Sequence[Gateway]) -> list[Row]:
    """What is said of a gateway whose server is killed; once each, waits of its own included."""
    rows = []
    for gateway in gateways:
        for pid in children(gateway.process.pid):
            os.kill(pid, signal.SIGKILL)
        what = f"{gateway.name}: a server is killed until a call works again"
        try:
            took = await _until_answered(gateway, RECOVERY_LIMIT)
        except TimeoutError:
            say(f"{what}: never (within {RECOVERY_LIMIT:g} s).")
        except ConnectionError:
            say(f"{what}: never, the gateway ends.")
        else:
            rows.append(Row(name=what, value=took, unit="s"))
    return rows

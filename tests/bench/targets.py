"""Where calls are asked, and in whose words: the program's addresses and the floors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec

from core.protocol.codes import STATELESS_VERSIONS
from tests.bench.load import Load, Plan
from tests.bench.passthrough import ECHO
from tests.bench.process import pin
from tests.bench.product import (
    GATEWAY_CORE,
    OTHER_CORE,
    REMOTE,
    bare,
    bare_http,
    echo_http,
    environment,
    pin_program,
    running,
    server_name,
)
from tests.bench.result import Row, Samples, Scale
from tests.program import ROOT, RunningProgram

SERVER = server_name(0)
BARE = "bare passthrough"
BARE_HTTP = "bare HTTP passthrough"
PIPE = "direct pipe"

TOOL = "TOOL"  # stands for the tool's name
_NEWEST = max(STATELESS_VERSIONS)
_META = {
    "io.modelcontextprotocol/protocolVersion": _NEWEST,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "l", "version": "1"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somewhere to ask; ``name`` and ``floor``, what it is compared with, are as in the tables."""

    name: str
    floor: str = BARE
    plan: Plan

    def asking(self, tool: str, clients: int, seconds: float = 1.0, calls: int = 0) -> Plan:
        """The plan for one of the echo server's tools."""
        told = {name: value.replace(TOOL, tool) for name, value in self.plan.headers.items()}
        return msgspec.structs.replace(
            self.plan,
            params=self.plan.params.replace(TOOL, tool),
            headers=told,
            clients=clients,
            seconds=seconds,
            calls=calls,
        )


def params_of(tool: str, **more: object) -> str:
    return json.dumps({"name": tool, "arguments": {"text": "ping"}, **more}, separators=(",", ":"))


_PLAIN = Plan(params=params_of(TOOL))
_PRODUCT = (
    Target(
        name="/mcp/s/{server}",
        plan=msgspec.structs.replace(_PLAIN, path=f"/mcp/s/{SERVER}", shakes_hands=True),
    ),
    Target(
        name="/mcp/s/{server} without a session",
        plan=Plan(
            params=params_of(TOOL, _meta=_META),
            path=f"/mcp/s/{SERVER}",
            headers={
                "mcp-protocol-version": _NEWEST,
                "mcp-method": "tools/call",
                "mcp-name": TOOL,
            },
        ),
    ),
    Target(
        name="/mcp/all",
        plan=Plan(params=params_of(f"{SERVER}__{TOOL}"), path="/mcp/all", shakes_hands=True),
    ),
    Target(
        name="/mcp call_tool",
        plan=Plan(
            params=json.dumps(
                {"name": "call_tool", "arguments": {"name": f"{SERVER}:{TOOL}", "args": {}}}
            ),
            path="/mcp",
            shakes_hands=True,
        ),
    ),
    Target(
        name="/mcp/s/{server by URL}",
        floor=BARE_HTTP,
        plan=msgspec.structs.replace(_PLAIN, path=f"/mcp/s/{REMOTE}", shakes_hands=True),
    ),
)


def at_product(name: str, product: RunningProgram) -> Target:
    """The server's own address of a running program, under another name."""
    return replace(_at(_PRODUCT[0], product), name=name)


def _at(target: Target, product: RunningProgram) -> Target:
    plan = msgspec.structs.replace(
        target.plan, port=urlsplit(product.base).port, watched=product.process.pid
    )
    return replace(target, plan=plan)


@asynccontextmanager
async def targets(under: Sequence[str] = ()) -> AsyncIterator[dict[str, Target]]:
    """The program's addresses and the floors, by name; all run at once, to be asked in turns.

    ``under`` is a command that the gateways among them are started by.
    """
    async with (
        echo_http() as remote,
        running(1, remote=remote.port, under=under) as product,
        bare(1, under) as floor,
        bare_http(remote.port, under) as floor_http,
    ):
        pin(remote.pid, OTHER_CORE)
        await pin_program(product)
        found = {one.name: _at(one, product) for one in _PRODUCT}
        for name, passthrough in ((BARE, floor), (BARE_HTTP, floor_http)):
            passthrough.pin()
            plan = msgspec.structs.replace(_PLAIN, port=passthrough.port, watched=passthrough.pid)
            found[name] = Target(name=name, floor="", plan=plan)
        pipe = msgspec.structs.replace(_PLAIN, argv=ECHO)
        found[PIPE] = Target(name=PIPE, floor="", plan=pipe)
        yield found


async def in_turns(scale: Scale, asked: dict[str, Target], tool: str, clients: int) -> Samples:
    """Ask all of them, round by round; samples are named ``TARGET rate``, ``… p50`` and so on."""
    samples = Samples()
    for _ in range(scale.rounds):
        for name, target in asked.items():
            load = await ask(target.asking(tool, clients, scale.seconds))
            samples.add(f"{name} rate", load.rate)
            samples.add(f"{name} bytes", load.rate * load.answer_bytes)
            samples.add(f"{name} p50", load.p50)
            samples.add(f"{name} p99", load.p99)
            samples.add(f"{name} cpu", load.cpu)
    return samples


def cpu_row(what: str, samples: Samples, name: str, floor: str) -> Row:
    """CPU time per call of a target, beside that of its floor."""
    return Row(
        name=f"{what}: CPU",
        value=samples[f"{name} cpu"] * 1e6,
        unit="us/call",
        floor_name=floor,
        floor=samples[f"{floor} cpu"] * 1e6,
    )


async def ask(plan: Plan) -> Load:
    """Carry out a plan in a process of its own. Raises ConnectionError when that fails."""
    process = await asyncio.create_subprocess_exec(
        ECHO[0],
        "-m",
        "tests.bench.load",
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    # Where there is no gateway its core is free.
    pin(process.pid, OTHER_CORE if plan.port else GATEWAY_CORE)
    out, err = await process.communicate(msgspec.json.encode(plan))
    if process.returncode:
        why = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConnectionError(f"the load on {plan.path if plan.port else plan.argv} ended: {why}")
    return msgspec.json.decode(out, type=Load)

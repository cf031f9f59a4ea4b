"""What becomes dearer as there are more servers and tools: the same work among 10 and 10,000.

Each row is compared with the same work among ten, so that 1 is flat and 100 follows the number.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from core.config.jsonc import parse
from core.config.schema import Overrides, read
from core.lifecycle.reconcile import plan
from core.model.config import ServerName
from core.model.status import Phase, Snapshot
from core.search.catalogue import Catalogue
from tests.bench.process import cpu_seconds, memory
from tests.bench.product import home_of_its_own
from tests.bench.result import Row, Samples, Scale, say
from tests.bench.search import queries_of, tools_of
from tests.bench.snapshot import filled, status_of
from tests.bench.timing import gets, seconds
from tests.engine.running import running
from tests.fakes.source import server
from tests.program import program
from tray_app.view import view_of

SIZES = (10, 100, 1_000, 10_000)
MOST_RUNNING = 1_000  # servers whose engine is started and stopped here
LIMIT = 30.0  # seconds for an edit
OF_A_SERVER = 20  # tools
LISTINGS = 30


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of work among so many of ``what``."""

    name: str
    what: str
    unit: str
    value: float


async def measure(scale: Scale) -> list[Row]:
    sizes = SIZES[:2] if scale.quick else SIZES
    least: dict[str, float] = {}
    rows = []
    for size in sizes:
        found = [
            *_in_memory(size, scale),
            *(await _reconciled(size, scale) if size <= MOST_RUNNING else ()),
            await _searched(size, scale),
            *await _started(size),
        ]
        for cost in found:
            least.setdefault(cost.name, cost.value)
            rows.append(
                Row(
                    name=f"{cost.name}, {size:,} {cost.what}",
                    value=cost.value,
                    unit=cost.unit,
                    floor_name=f"with {sizes[0]}",
                    floor=least[cost.name],
                )
            )
    order = list(least)
    return sorted(rows, key=lambda row: order.index(row.name.rpartition(", ")[0]))


def _in_memory(size: int, scale: Scale) -> list[Cost]:
    """What is done within one process, nobody being asked."""
    store, one = filled(size), status_of(0)
    snapshot = store.snapshot
    names = [ServerName(f"server{number}") for number in range(size)]
    wanted = {name: server(name) for name in names}
    changed = {**wanted, names[0]: server(names[0], call_timeout=1.0)}
    text = json.dumps({"mcpServers": {name: {"command": "a"} for name in names}}, indent=2)

    def configured() -> None:
        assert not read(parse(text), Overrides()).problems

    work: dict[str, Callable[[], object]] = {
        "a server's status is read": lambda: snapshot.servers[one.name],
        "a server's status is published": lambda: store.publish(one),
        "one changed entry is found": lambda: plan(changed, wanted),
        "the config file is read and checked": configured,
        "the menu is built": lambda: view_of(snapshot),
    }
    samples = Samples()
    for _ in range(1 if size >= SIZES[-1] else scale.rounds):
        for name, each in work.items():
            samples.add(name, seconds(each))
    return [Cost(name, "servers", "us", samples[name] * 1e6) for name in work]


async def _reconciled(size: int, scale: Scale) -> list[Cost]:
    """Edits of the file, each until it shows: a server enabled or disabled, and one taken out.

    Connections cost nothing here.
    """
    samples = Samples()
    entries = [server(f"server{number}", enabled=False) for number in range(size)]
    async with running(*entries) as engine:
        for turn in range(2 * scale.rounds):
            enabled = not turn % 2
            began = time.process_time()
            engine.source.write(replace(entries[0], enabled=enabled), *entries[1:])
            await engine.until_phase("server0", Phase.READY if enabled else Phase.DISABLED)
            samples.add("switched", time.process_time() - began)
        for _ in range(scale.rounds):
            gone = entries.pop().name
            began = time.process_time()
            engine.source.write(*entries)
            await engine.engine.until(partial(_lacks, gone), LIMIT)
            samples.add("removed", time.process_time() - began)
    return [
        Cost("an edit that switches one", "servers", "us", samples["switched"] * 1e6),
        Cost("an edit that removes one", "servers", "us", samples["removed"] * 1e6),
    ]


def _lacks(name: ServerName, world: Snapshot) -> bool:
    return name not in world.servers


async def _searched(size: int, scale: Scale) -> Cost:
    lots = random.Random(1)
    each = min(size, OF_A_SERVER)
    tools = tools_of(lots, size // each, each)
    catalogue = Catalogue()
    samples = Samples()
    for query in queries_of(lots, 20):
        await catalogue.search(tools, query, 5)  # everything is indexed by the first
        for _ in range(scale.rounds):
            began = time.process_time()
            await catalogue.search(tools, query, 5)
            samples.add("search", time.process_time() - began)
    return Cost("a search by four words", "tools", "us", samples["search"] * 1e6)


async def _started(size: int) -> list[Cost]:
    try:
        return await _program(size)
    except AssertionError as problem:  # the program gives up a start that takes too long
        say(f"the program with {size:,} servers is not measured: {problem}.")
        return []


async def _program(size: int) -> list[Cost]:
    """The real program with servers that are disabled, since nothing runs ten thousand."""
    async with home_of_its_own() as home:
        entry = {"command": "a", "enabled": False}
        home.configure({f"server{number}": entry for number in range(size)})
        async with program(home) as started:
            answering = cpu_seconds(started.process.pid)
            await started.until(lambda world: len(world["servers"]) == size)
            took = await gets(started, "/api/v1/servers", LISTINGS)
            resident, _ = memory(started.process.pid)
            started.process.kill()  # how it stops is measured elsewhere
            await started.process.wait()
    return [
        Cost("the list of servers over REST", "servers", "ms", took[LISTINGS // 2] * 1e3),
        Cost("resident memory", "servers", "MB", resident),
        Cost("CPU until the endpoint answers", "servers", "ms", answering * 1e3),
    ]

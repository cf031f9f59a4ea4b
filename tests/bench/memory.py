"""What the program keeps in memory: alone, with servers, and for each of their tools."""

from __future__ import annotations

from tests.bench.echo import tool
from tests.bench.process import memory
from tests.bench.product import bare, running
from tests.bench.result import Row, Scale
from tests.bench.targets import BARE

COUNTS = (0, 10, 50, 200)
WITH_TOOLS = 50  # servers
TOOLS = 20  # of each of them, a thousand in all


async def measure(scale: Scale) -> list[Row]:
    rows = []
    for servers in COUNTS[:2] if scale.quick else COUNTS:
        ours = await _of_product(servers)
        async with bare(servers) as floor:
            below = memory(floor.pid)
        kinds = ("resident", "proportional")
        rows += [
            Row(
                name=f"{servers} servers: {kind} memory",
                value=value,
                unit="MB",
                floor_name=BARE,
                floor=least,
            )
            for kind, value, least in zip(kinds, ours, below, strict=True)
        ]
    servers = COUNTS[1] if scale.quick else WITH_TOOLS
    few, many = await _of_product(servers), await _of_product(servers, TOOLS)
    rows.append(
        Row(
            name=f"each of {servers * TOOLS} tools of {servers} servers",
            value=(many[0] - few[0]) * 1e6 / (servers * TOOLS),
            unit="bytes",
            floor_name="its JSON",
            floor=len(tool(b"open_issue_00")),
        )
    )
    return rows


async def _of_product(servers: int, more_tools: int = 0) -> tuple[float, float]:
    """Resident and proportional megabytes of the program when all servers are ready."""
    async with running(servers, more_tools) as product:
        return memory(product.process.pid)

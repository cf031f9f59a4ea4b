"""``mcpproxy-tray stdio``: runs the bridge until the client closes its end or a signal comes."""

from __future__ import annotations

import asyncio
import signal
import sys
from urllib.parse import quote

from tray_app.stdio.bridge import Bridge
from tray_app.stdio.http import Address, EngineHttp
from tray_app.stdio.pipes import Pipes

STDIN, STDOUT = 0, 1


def run(address: Address, server: str | None, profile: str | None, key: str | None) -> None:
    """Serve one client. ``key`` is the engine's ``api_key``, which only an address needs."""
    headers = {"x-api-key": key} if key else {}
    asyncio.run(_serve(EngineHttp(address, headers), path_of(server, profile)))


def path_of(server: str | None, profile: str | None) -> str:
    """Where the engine offers one server, one profile, or everything."""
    if server is not None:
        return f"/mcp/s/{quote(server, safe='')}"
    if profile is not None:
        return f"/mcp/p/{quote(profile, safe='')}"
    return "/mcp"


async def _serve(engine: EngineHttp, path: str) -> None:
    pipes = Pipes(STDIN, STDOUT)
    bridge = Bridge(engine, path, pipes.tell)
    async with asyncio.TaskGroup() as tasks:
        carrying = tasks.create_task(bridge.run(pipes.lines()), name="bridge")
        ending = tasks.create_task(pipes.broken.wait(), name="client gone")
        ending.add_done_callback(lambda _: carrying.cancel())
        carrying.add_done_callback(lambda _: ending.cancel())
        if sys.platform != "win32":  # which ends a program without a signal
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, carrying.cancel)
    await pipes.flush()

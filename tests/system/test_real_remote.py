"""Published servers that are reached by URL, over both transports, behind the real program."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client

from tests.program import Home, program
from tests.real_servers import EVERYTHING, GIT, TIME

pytestmark = [EVERYTHING.needed, TIME.needed, GIT.needed, pytest.mark.timeout(120)]

LIMIT = 30.0


class Heard:
    """Remembers the progress that was told."""

    def __init__(self) -> None:
        self.steps: list[float] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.steps.append(progress)


@asynccontextmanager
async def everything(transport: str) -> AsyncIterator[str]:
    """``server-everything`` on a free port; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*EVERYTHING.argv()[:-1], transport]
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "PORT": str(port)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(LIMIT):
            while str(port).encode() not in (line := await process.stderr.readline()):
                assert line, "it ended before it listened"
        path = "sse" if transport == "sse" else "mcp"
        reading = asyncio.create_task(process.stderr.read())
        yield f"http://127.0.0.1:{port}/{path}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await reading


@pytest.mark.parametrize("transport", ["streamableHttp", "sse"])
async def test_a_server_by_url_is_used_as_if_connected_directly(home: Home, transport: str) -> None:
    """Clients of both eras list, call, and hear of progress; nothing else is to be configured."""
    async with everything(transport) as url:
        home.configure({"everything": {"url": url}})
        async with program(home) as running:
            await running.ready("everything")
            for mode in ("legacy", "auto"):
                async with Client(f"{running.endpoint}/s/everything", mode=mode) as session:
                    heard = Heard()
                    echoed = await session.call_tool("echo", {"message": mode})
                    assert f"Echo: {mode}" in str(echoed.content)
                    assert (await session.list_prompts()).prompts
                    result = await session.call_tool(
                        "trigger-long-running-operation",
                        {"duration": 0.4, "steps": 2},
                        progress_callback=heard,
                    )
                    assert "completed" in str(result.content).lower()
                    assert heard.steps == [1, 2]


async def test_each_server_is_spoken_to_in_its_own_era(home: Home) -> None:
    """The newer one where a server knows it, found out without a word in the configuration."""
    (command, *args), (git, *git_args) = TIME.argv(), GIT.argv()
    older, *older_args = EVERYTHING.argv()
    home.configure(
        {
            "time": {"command": command, "args": args},
            "git": {"command": git, "args": git_args},
            "everything": {"command": older, "args": older_args},
        }
    )
    async with program(home) as running:
        await running.ready()
        spoken = {
            entry["name"]: entry["peer"]["protocol_version"]
            for entry in (await running.get("/api/v1/servers"))["servers"]
        }
    assert spoken == {"time": "2026-07-28", "git": "2026-07-28", "everything": "2025-11-25"}

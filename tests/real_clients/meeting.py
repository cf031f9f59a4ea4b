"""Us in front of the reference server in either era, for agents to meet by URL or by bridge."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.program import PROGRAM, ROOT, Home, RunningProgram, program
from tests.real_clients.agents import Command, Server

REFERENCE = ("-m", "tests.fakes.reference_server", "stdio")
ERAS = {"2026-07-28": (), "2025-11-25": ("--stateful",)}
WAYS = ("URL", "bridge")


@dataclass(frozen=True, slots=True)
class Meeting:
    """One running instance, with a server for each era."""

    running: RunningProgram

    def server(self, era: str, way: str) -> Server:
        """How an agent reaches the server of that era."""
        if way == "URL":
            return f"{self.running.endpoint}/s/{era}"
        home = self.running.home
        return Command((*PROGRAM, "stdio", "--server", era, *home.flags), home.environ)


@asynccontextmanager
async def meeting(directory: Path) -> AsyncIterator[Meeting]:
    home = Home(directory)
    common = {"working_dir": str(ROOT), "env": {"PYTHONPATH": str(ROOT)}}
    home.configure(
        {
            era: {"command": sys.executable, "args": [*REFERENCE, *options], **common}
            for era, options in ERAS.items()
        }
    )
    async with program(home) as running:
        await running.ready()
        yield Meeting(running)

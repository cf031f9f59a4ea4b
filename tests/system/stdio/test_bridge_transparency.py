"""A client on the bridge sees what it would see on the server's own standard streams."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.conformance.peer import Peer
from tests.conformance.points import POINTS
from tests.conformance.wiring import NAME, REFERENCE
from tests.program import PROGRAM, ROOT, Home, program
from tests.system.stdio.peer import spoken_to

SERVER = (sys.executable, *REFERENCE, "stdio", "--stateful")


async def look_at(peer: Peer) -> dict[str, object]:
    return {name: await look(peer) for name, look in POINTS.items()}


@pytest.mark.timeout(150)
async def test_everything_looks_as_it_does_on_the_server_s_own_streams(tmp_path: Path) -> None:
    """Answers, questions, notifications, errors and lists are the same, to the last field."""
    home = Home(tmp_path)
    environ = {"PYTHONPATH": str(ROOT)}
    command, *arguments = SERVER
    entry = {"command": command, "args": arguments, "working_dir": str(ROOT), "env": environ}
    home.configure({NAME: entry}, quarantine_enabled=False)
    async with spoken_to(SERVER, {**os.environ, **environ}) as peer:
        direct = await look_at(peer)
    bridge = (*PROGRAM, "stdio", "--server", NAME, *home.flags)
    async with program(home) as running:
        await running.ready()
        async with spoken_to(bridge, home.environ) as peer:
            ours = await look_at(peer)
    assert {name: (direct[name], ours[name]) for name in direct if direct[name] != ours[name]} == {}

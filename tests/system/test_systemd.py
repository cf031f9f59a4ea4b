"""What systemd is told by a program it started, over a socket such as systemd makes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.program import ROOT, START_LIMIT, Home, RunningProgram, program

UNIT = ROOT / "packaging" / "mcpproxy-tray.service"
EXAMPLE = {"command": sys.executable, "args": ["-m", "tray_app.example_server"]}


class NotifySocket:
    """The end of the socket that systemd would read."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address.replace("@", "\0", 1))

    async def told(self) -> str:
        """The next message."""
        loop = asyncio.get_running_loop()
        return (await asyncio.wait_for(loop.sock_recv(self._socket, 4096), START_LIMIT)).decode()

    async def until(self, words: str) -> list[str]:
        """All messages up to the first that has the words."""
        seen = [await self.told()]
        while words not in seen[-1]:
            seen.append(await self.told())
        return seen

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def managed(
    home: Home, address: str, environ: Mapping[str, str]
) -> AsyncIterator[tuple[NotifySocket, RunningProgram]]:
    manager = NotifySocket(address)
    try:
        async with program(home, "serve", {"NOTIFY_SOCKET": address, **environ}) as running:
            yield manager, running
    finally:
        manager.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.configure({"one": EXAMPLE})
    return home


async def test_ready_status_and_stopping_are_told(home: Home, tmp_path: Path) -> None:
    """READY comes once, with words; they follow the servers; STOPPING comes when it is asked to."""
    async with managed(home, str(tmp_path / "notify"), {}) as (manager, running):
        first = await manager.told()
        assert first.startswith("READY=1\nSTATUS=")
        if "1 of 1 ready" not in first:
            later = await manager.until("1 of 1 ready")
            assert not any("READY=1" in each for each in later)
        told = (await running.get("/api/v1/status"))["stats"]["summary"]
        assert told == "1 of 1 ready"
        running.process.send_signal(signal.SIGTERM)
        assert (await manager.until("STOPPING=1"))[-1] == "STOPPING=1\nSTATUS=stopping"
        assert await asyncio.wait_for(running.process.wait(), START_LIMIT) == 0


async def test_the_watchdog_is_fed_by_the_loop(home: Home) -> None:
    """Signs of life come on an abstract socket too, and end while the process stands still."""
    address = f"@mcpproxy-test-{os.getpid()}"
    async with managed(home, address, {"WATCHDOG_USEC": "200000"}) as (manager, running):
        for _ in range(3):
            await manager.until("WATCHDOG=1")
        assert running.process.returncode is None


async def test_the_watchdog_of_another_process_is_not_fed(home: Home, tmp_path: Path) -> None:
    """WATCHDOG_PID says whose signs of life are wanted (sd_watchdog_enabled(3))."""
    wanted = {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    async with managed(home, str(tmp_path / "notify"), wanted) as (manager, running):
        seen = await manager.until("1 of 1 ready")
        running.process.send_signal(signal.SIGTERM)
        seen += await manager.until("STOPPING=1")
        assert not any("WATCHDOG" in each for each in seen)
        assert await asyncio.wait_for(running.process.wait(), START_LIMIT) == 0


def test_the_unit_file_is_one_systemd_understands(tmp_path: Path) -> None:
    """The unit asks for what the program does, and systemd's own checker finds nothing wrong."""
    text = UNIT.read_text()
    for line in ("Type=notify", "WatchdogSec=30", "Restart=on-failure", "KillMode=mixed"):
        assert f"\n{line}\n" in text
    checker = shutil.which("systemd-analyze")
    if checker is None:
        return  # what can be known without systemd was looked at
    command = tmp_path / "mcpproxy-tray"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o700)
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("%h/.local/bin/mcpproxy-tray", str(command)))
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    found = subprocess.run(
        [checker, "--user", "verify", str(unit)],
        env=environ, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert UNIT.name not in found.stderr, found.stderr

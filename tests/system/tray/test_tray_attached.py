"""A tray here for an engine elsewhere: what is seen, what a click does, what a loss looks like."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes import faultsrv
from tests.fakes.tray_seat import Seat
from tests.leaks import alive
from tests.program import KEY, PROGRAM, Home, RunningProgram, program
from tests.system.tray.test_tray_program import labels, pid_of

pytestmark = pytest.mark.timeout(240)

COMMAND, *ARGS = faultsrv.command("ok")
LIMIT = 60.0


@asynccontextmanager
async def attached(
    home: Home, url: str, desktop: Mapping[str, str], key: str = KEY
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``mcpproxy-tray attach`` at a desktop; it has ended by itself, or is ended by a signal."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "attach",
        url,
        *home.flags,
        env={**home.environ, **desktop, "MCPPROXY_API_KEY": key},
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), LIMIT) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_shown(seat: Seat, start: str) -> None:
    """Wait until a row of the menu begins so; a panel announces nothing."""
    async with asyncio.timeout(LIMIT):
        while not await labels(seat, start):
            pass


async def test_a_click_afar_restarts_the_server_and_quit_leaves_the_engine_alone(
    home: Home, seat: Seat
) -> None:
    """The menu shows the engine's servers, a click reaches it, and Quit ends only the icon."""
    home.configure({name: {"command": COMMAND, "args": ARGS} for name in ("alpha", "beta")})
    await asyncio.to_thread(seat.start_panel)
    async with (
        program(home) as running,
        attached(home, running.base, seat.env) as tray,
    ):
        before = await running.ready()
        await asyncio.to_thread(seat.icon_appears)
        await until_shown(seat, "MCP Proxy - 2 of 2 ready")
        assert not await labels(seat, "Open the config file")  # a file of another computer
        await asyncio.to_thread(seat.choose, "Servers", "alpha", "Restart")
        after = await running.until(
            lambda world: (
                world["servers"]["alpha"]["status"] == "ready"
                and pid_of("alpha", world) != pid_of("alpha", before)
            )
        )
        await asyncio.to_thread(seat.choose, "Quit (servers run on)")
        assert await asyncio.wait_for(tray.wait(), LIMIT) == 0
        assert alive(pid_of("alpha", after))
        assert (await running.get("/api/v1/status"))["engine"] == "running"


async def test_the_dashboard_opens_from_near_and_from_afar(
    home: Home, seat: Seat, tmp_path: Path
) -> None:
    """What the browser is given lets it in there, whichever icon was clicked."""
    opened = tmp_path / "opened"
    opener = tmp_path / "xdg-open"
    os.mkfifo(opened)
    opener.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    opener.chmod(0o755)
    desktop = {**seat.env, "PATH": f"{tmp_path}:{home.environ['PATH']}"}

    async def lets_in(running: RunningProgram) -> None:
        await asyncio.to_thread(seat.icon_appears)
        await until_shown(seat, "Add server…")
        await asyncio.to_thread(seat.choose, "Add server…")
        url = (await asyncio.to_thread(opened.read_text)).strip()
        code, _, page = url.removeprefix(f"{running.base}/ui/#code=").partition("&to=")
        assert page == "/add"
        answer = await running.http.post("/api/v1/ui/visit", json={"code": code})
        assert answer.status_code == 201, answer.text

    home.configure({})
    await asyncio.to_thread(seat.start_panel)
    async with program(home, "run", desktop) as running:
        await lets_in(running)
    async with program(home) as running, attached(home, running.base, desktop):
        await lets_in(running)


async def test_an_engine_that_goes_is_told_and_one_that_comes_back_is_shown(
    home: Home, seat: Seat
) -> None:
    """Nothing of a lost engine looks alive, and nobody has to attach again."""
    home.configure({"alpha": {"command": COMMAND, "args": ARGS}})
    await asyncio.to_thread(seat.start_panel)
    async with program(home) as running:
        port = running.base.rpartition(":")[2]
        await running.ready()
        async with attached(home, running.base, seat.env):
            await asyncio.to_thread(seat.icon_appears)
            await until_shown(seat, "MCP Proxy - 1 of 1 ready")
            os.kill(running.process.pid, signal.SIGKILL)
            await running.process.wait()
            await until_shown(seat, f"MCP Proxy - nothing answers at {running.base}")
            assert not await labels(seat, "alpha")
            home.configure(
                {"alpha": {"command": COMMAND, "args": ARGS}}, listen=f"127.0.0.1:{port}"
            )
            async with program(home):
                await until_shown(seat, "MCP Proxy - 1 of 1 ready")


async def test_a_key_that_the_engine_refuses_is_told(home: Home, seat: Seat) -> None:
    """With what to do about it, and not as if nothing were there."""
    home.configure({})
    await asyncio.to_thread(seat.start_panel)
    async with program(home) as running, attached(home, running.base, seat.env, key="wrong"):
        await asyncio.to_thread(seat.icon_appears)
        await until_shown(seat, f"MCP Proxy - the engine at {running.base} refuses our key")


async def test_a_wrong_address_or_key_file_is_refused_in_words(home: Home) -> None:
    """Before any icon comes."""
    code, _, told = await home.command("attach", "127.0.0.1:8080")
    assert (code, "http://127.0.0.1:8080" in told) == (2, True)
    code, _, told = await home.command("attach", "http://127.0.0.1:1", "--key-file", "/none")
    assert (code, "No such file" in told) == (2, True)

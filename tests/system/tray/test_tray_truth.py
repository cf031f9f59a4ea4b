"""The icon never lies: what a real call meets, the panel shows within a second."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.fakes import faultsrv
from tests.fakes.tray_host import ItemReader, MenuRow
from tests.fakes.tray_seat import FakeSeat
from tests.mcp_http import RawClient
from tests.pace import within
from tests.program import Home, RunningProgram, program
from tests.system.tray.test_tray_run import notified
from tray_app.pixmaps import pixmaps
from tray_app.view import IconState

pytestmark = pytest.mark.timeout(240)

PROMISED = 1.0  # seconds
SERVER = "victim"
PICTURES = {
    icon: {(each.width, each.height): each.argb for each in pixmaps(icon)} for icon in IconState
}
"""Read here, as no test may read a file on its loop."""


def startable(script: Path) -> None:
    """A server that can be taken away from its disk."""
    argv = shlex.join(faultsrv.command("ok"))
    script.write_text(f"#!/bin/sh\nexec {argv}\n")
    script.chmod(0o755)


async def answers(client: RawClient) -> bool:
    """Whether a real call of the server works now."""
    params = {"name": f"{SERVER}__echo", "arguments": {"text": "x"}}
    reply = await client.ask("tools/call", params)
    return "result" in reply and not reply["result"].get("isError")


class Panel:
    """What the panel shows, asked for until it is what a call has just met."""

    def __init__(self, seat: FakeSeat) -> None:
        self._seat = seat

    async def shows(self, icons: set[IconState], says: Callable[[MenuRow], bool]) -> None:
        """Fails when it takes longer than was promised."""
        began = time.monotonic()
        while True:
            properties, layout = await asyncio.to_thread(self._seat.ask, _read)
            found = {(width, height): bytes(data) for width, height, data in properties}
            if found in [PICTURES[icon] for icon in icons] and says(layout):
                return
            labels = [row.label for row in layout.rows]
            assert time.monotonic() - began < within(PROMISED), labels


async def _read(item: ItemReader) -> tuple[list[tuple[int, int, bytes]], MenuRow]:
    properties: Mapping[str, object] = await item.properties()
    pictures = properties["IconPixmap"]
    assert isinstance(pictures, list)
    return pictures, await item.layout()


def troubled(words: str) -> Callable[[MenuRow], bool]:
    """The server is among what needs attention, in such words."""

    def says(layout: MenuRow) -> bool:
        return any(row.label.startswith(SERVER) and words in row.label for row in layout.rows)

    return says


def well(layout: MenuRow) -> bool:
    """Nothing needs attention."""
    return layout.rows[0].label == "MCP Proxy - 1 of 1 ready" and not any(
        row.label == "Needs attention" for row in layout.rows
    )


async def pid(running: RunningProgram) -> int:
    found: int = (await running.server(SERVER))["pid"]
    return found


async def test_what_a_call_meets_is_what_the_panel_shows(
    home: Home, fake_seat: FakeSeat, tmp_path: Path
) -> None:
    """Well, hung, well again, killed without a way back, and restarted with a click; one that
    leads to nothing is told."""
    script = tmp_path / "server.sh"
    startable(script)
    home.configure({SERVER: {"command": str(script), "call_timeout": "300ms"}})
    await asyncio.to_thread(fake_seat.start_panel)
    panel = Panel(fake_seat)
    async with program(home, "run", fake_seat.env) as running:
        await running.ready()
        client = RawClient(running.http, "/mcp/all")
        await client.open()
        assert await answers(client)
        await panel.shows({IconState.OK}, well)

        os.kill(await pid(running), signal.SIGSTOP)
        assert [await answers(client) for _ in range(3)] == [False] * 3
        await panel.shows({IconState.ATTENTION}, troubled("did not answer the last 3 requests"))

        os.kill(await pid(running), signal.SIGCONT)
        assert await answers(client)
        await panel.shows({IconState.OK}, well)

        script.unlink()
        os.kill(await pid(running), signal.SIGKILL)
        async with asyncio.timeout(30):
            while await answers(client):  # its death may be later than the first call
                pass
        await panel.shows({IconState.ATTENTION, IconState.ERROR}, troubled(""))
        async with asyncio.timeout(30):
            while (await running.server(SERVER))["status"] != "failed":
                assert not await answers(client)  # which has it tried again at once
        await panel.shows({IconState.ERROR}, troubled("Stopped"))
        assert not await answers(client)

        await asyncio.to_thread(fake_seat.choose, "Servers", SERVER, "Restart")
        title, _ = await asyncio.to_thread(
            notified, fake_seat, lambda body: "was not found" in body
        )
        assert title == f"{SERVER} could not be started"

        startable(script)
        await asyncio.to_thread(fake_seat.choose, "Servers", SERVER, "Restart")
        await running.ready()
        assert await answers(client)
        await panel.shows({IconState.OK}, well)

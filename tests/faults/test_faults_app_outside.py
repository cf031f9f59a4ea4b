"""F63, F77: the program is killed, or its files are taken away while it runs."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.faults.decoys import Decoys
from tests.faults.invariants import eventually, reapers
from tests.faults.scene import GONE, Scene, entry, scene
from tests.faults.watch import new_client
from tests.mcp_http import RawClient
from tests.program import KEY, ROOT, START_LIMIT, Home, program

pytestmark = pytest.mark.timeout(300)

FAMILIES = ("group", "setsid", "daemon")
CALLS = 8


def log_of(home: Home) -> str:
    return (home.directory / "data" / "logs" / "main.log").read_text()


async def _under_load(http: httpx.AsyncClient) -> list[asyncio.Task[object]]:
    """Calls to ``victim`` that it has read and will never answer."""
    client = RawClient(http, "/mcp/s/victim")
    await client.open()
    mute = {"name": "mute", "arguments": {}}
    calls = [asyncio.create_task(client.ask("tools/call", mute)) for _ in range(CALLS)]
    async with asyncio.timeout(START_LIMIT):
        for looks in itertools.count(1):
            seen = (await client.call("seen", {}))["structuredContent"]["messages"]
            read = sum(each["method"] == "tools/call" for each in seen)
            if read == CALLS + looks:
                break
    return calls


async def _with_strangers(
    play: Scene, decoys: Decoys, end: Callable[[Scene], Awaitable[None]]
) -> None:
    """A stranger gets the pid that a server had; then the program ends while calls wait."""
    await play.ready()
    pid = play.server("victim")["pid"]
    os.kill(pid, signal.SIGKILL)
    await play.until(lambda world: world["servers"]["victim"]["pid"] not in {pid, None})
    await decoys.with_pid(pid)
    await play.ready()
    await play.leave_alone()
    async with new_client(play.running.base, KEY) as http:
        calls = await _under_load(http)
        await end(play)
        told = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, httpx.HTTPError) for each in told), told


async def _killed(play: Scene) -> None:
    play.running.process.kill()
    await play.running.process.wait()


async def _killed_with_reaper(play: Scene) -> None:
    for reaper in reapers(play.pid):
        os.kill(reaper, signal.SIGKILL)
    await _killed(play)


async def test_f63_after_kill_9_under_load_nobody_is_left_and_no_stranger_hurt(
    home: Home, nothing_left: None, tmp_path: Path
) -> None:
    """Servers and what they started are gone within two seconds; one that was given the pid of
    a dead server lives; the next start has nothing to clear and is well."""
    servers = {kind: entry("grandchild", kind, str(tmp_path / kind)) for kind in FAMILIES}
    decoys = await Decoys.usual()
    try:
        async with scene(home, {**servers, "victim": entry()}) as play:
            await _with_strangers(play, decoys, _killed)
            left = await eventually(lambda: [str(one) for one in play.stage.processes()], GONE)
            assert left == []
        assert decoys.killed() == []
        async with program(home) as running:
            await running.ready()
            assert decoys.killed() == []
        assert "processes of an earlier start ended" not in log_of(home)
    finally:
        await decoys.end()


async def test_f63_what_even_the_reaper_could_not_end_the_next_start_ends_and_counts(
    home: Home, nothing_left: None
) -> None:
    """Killed together with its reaper, servers that ignore everything stay; the next start ends
    just these and logs how many."""
    stubborn = {name: entry("ignore-eof") for name in ("one", "two")}
    decoys = await Decoys.usual()
    try:
        async with scene(home, {**stubborn, "victim": entry()}) as play:
            await _with_strangers(play, decoys, _killed_with_reaper)
            pids = {play.server(name)["pid"] for name in stubborn}
            assert pids <= {found.pid for found in play.stage.processes()}
            play.configure({})
            async with program(home) as running:
                await running.ready()
                still = {found.pid for found in play.stage.processes()}
                assert not pids & still
        assert decoys.killed() == []
        assert "processes of an earlier start ended" in log_of(home)
    finally:
        await decoys.end()


class Installed(Home):
    """Runs a copy of the program, and nothing from here."""

    @property
    def code(self) -> Path:
        return self.directory / "installed"

    @property
    def environ(self) -> dict[str, str]:
        # Without PYTHONSAFEPATH ``-m`` would find the program in the working directory.
        return {**super().environ, "PYTHONPATH": str(self.code), "PYTHONSAFEPATH": "1"}

    def install(self) -> None:
        for part in ("core", "tray_app", "assets", "docs/faults"):
            no_caches = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, self.code / part, ignore=no_caches)

    def upgrade(self) -> None:
        """Another version in place of this one, none of which fits what runs."""
        for file in self.code.rglob("*.py"):
            draft = file.with_suffix(".new")
            draft.write_text("raise ImportError('this is another version')\n")
            draft.replace(file)

    def uninstall(self) -> None:
        shutil.rmtree(self.code)


@pytest.mark.parametrize("swap", [Installed.upgrade, Installed.uninstall])
async def test_f77_files_replaced_or_removed_while_it_runs_change_nothing(
    tmp_path: Path, nothing_left: None, swap: Callable[[Installed], None]
) -> None:
    """Calls, a crash, a dead reaper, new servers, the metrics, a stop: all goes on as before. What
    would have to be read from the new files is refused with the way out."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    home = Installed(directory)
    await asyncio.to_thread(home.install)
    async with scene(home, {"victim": entry()}) as play:
        await play.ready()
        client = await play.client("victim")
        load = [asyncio.create_task(play.ledger.call(client)) for _ in range(50)]
        await asyncio.to_thread(swap, home)
        assert all("result" in reply for reply in await asyncio.gather(*load))
        os.kill(play.server("victim")["pid"], signal.SIGKILL)
        await play.until(lambda world: world["servers"]["victim"]["status"] != "ready")
        await play.recovers("victim")
        for reaper in reapers(play.pid):
            os.kill(reaper, signal.SIGKILL)
        play.configure({"victim": entry(), "later": entry()})
        await play.until(lambda world: "later" in world["servers"])
        await play.recovers("later")
        hub = await play.ledger.client("/mcp")
        assert "result" in await play.ledger.call(hub, "later:echo")
        for seldom in ("/api/v1/diagnostics", "/api/v1/diagnostics/bundle"):
            refused = await play.running.http.get(seldom)
            assert refused.status_code == 503
            assert "Quit it and start it again" in refused.json()["error"]["message"]
        told = await asyncio.to_thread(log_of, home)
        assert "Traceback" not in told
        assert " ERROR " not in told

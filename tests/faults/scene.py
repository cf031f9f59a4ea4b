"""The real program with a bystander and onlookers, in which a fault is done and then judged."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil

from tests.fakes import faultsrv
from tests.faults import invariants
from tests.faults.invariants import Footprint, eventually
from tests.faults.watch import Canary, Ledger, Listener, new_client
from tests.mcp_http import RawClient
from tests.pace import within
from tests.program import KEY, Home, RunningProgram, program

Json = dict[str, Any]

CANARY = "canary"
GONE = within(2.0)  # seconds after which nothing may be left of a program that ended
RECOVERY = within(2.0)  # seconds a stdio server gets to be ready once the fault is gone
LIMIT = 60.0
UNREAD = "What you approved earlier cannot be read"  # for a moment, when a server is first seen


def entry(*mode: str, **settings: object) -> Json:
    """An entry of ``mcpServers`` that starts the fault server in a mode."""
    command, *args = faultsrv.command(*(mode or ("ok",)))
    return {"command": command, "args": args, **settings}


class Stage:
    """The home of a scene, with a mark that every server carries and a secret none may tell."""

    def __init__(self, home: Home, settings: Mapping[str, object]) -> None:
        self.home = home
        self.secret = f"sEcReT{secrets.token_hex(12)}"
        self.run = secrets.token_hex(8)
        self._settings = settings

    def configure(self, servers: Mapping[str, Json], **settings: object) -> None:
        """Write the config file; the bystander is always in it, and nothing of it changes."""
        bystander = entry(env={"CANARY_API_KEY": self.secret})
        marked = {"environment": {"custom_vars": {invariants.RUN: self.run}}}
        self.home.configure(
            {CANARY: bystander, **servers}, **{**marked, **self._settings, **settings}
        )

    def processes(self) -> list[invariants.Found]:
        """Every process of this run but the program itself, wherever it has gone."""
        owner = self.home.directory / "data" / "owner"
        own = f"{invariants.OWNER}={owner.read_text().strip()}" if owner.exists() else ""
        return invariants.carriers(f"{invariants.RUN}={self.run}", own)

    def left_behind(self) -> list[str]:
        """Processes (I1) and files that tell a secret (I7), once the program has ended."""
        return [
            *(str(found) for found in self.processes()),
            *invariants.files_with(self.home.directory / "data", (self.secret, KEY)),
        ]


class Scene:
    """What a fault test works with.

    ``home`` and ``running`` are the program; ``world`` is what the event stream has told;
    ``ledger`` makes and enters calls; ``check`` judges while the program runs, which also
    happens at the end.
    """

    def __init__(self, stage: Stage, running: RunningProgram) -> None:
        self.stage = stage
        self.home = stage.home
        self.secret = stage.secret
        self.configure = stage.configure
        self.running = running
        self.ledger = Ledger(running.base, KEY)
        self.listener = Listener(running.base, KEY, (stage.secret, KEY))
        self.canary = Canary(running.base, KEY, CANARY)
        self._baseline: Footprint | None = None
        self._left_alone = False

    # --- for tests ----------------------------------------------------------------------------

    @property
    def world(self) -> Json:
        return self.listener.world

    @property
    def pid(self) -> int:
        """The program's."""
        return self.running.process.pid

    def server(self, name: str) -> Json:
        found: Json = self.world["servers"][name]
        return found

    async def until(self, condition: Callable[[Json], bool], limit: float = LIMIT) -> Json:
        """The first world that fulfils the condition."""
        return await self.listener.until(condition, limit)

    async def shows(
        self, name: str, status: str, *, code: str = "", action: str | None = None, **more: object
    ) -> Json:
        """Wait until a server has this status (and fault code); its next step has to be
        ``action`` (I6), which REST says too. ``more`` are other members it must have."""

        def there(world: Json) -> bool:
            server = world["servers"].get(name)
            if server is None or server["status"] != status or UNREAD in server["health"]["detail"]:
                return False
            fault = server["fault"] or {}
            return not code or fault.get("code") == code

        server: Json = (await self.until(there))["servers"][name]
        if action is not None:
            assert server["health"]["action"] == action, server["health"]
        for key, value in more.items():
            assert server[key] == value, server
        return server

    async def ready(self, *names: str) -> Json:
        """Wait until these servers, or all, are ready."""
        return await self.until(
            lambda world: all(
                world["servers"].get(name, {}).get("status") == "ready"
                for name in names or world["servers"]
            )
        )

    async def recovers(self, name: str, within: float = RECOVERY) -> None:
        """The server is ready again in time, which a real call proves, in the same run (I8)."""
        began = time.monotonic()
        await self.until(
            lambda world: world["servers"].get(name, {}).get("status") == "ready", within
        )
        client = await self.ledger.client(f"/mcp/s/{name}")
        reply = await self.ledger.call(client)
        assert "result" in reply, reply
        took = time.monotonic() - began
        assert took < within, f"{name} took {took:.1f} s to be well again"

    async def client(self, name: str) -> RawClient:
        """A client of one server whose calls ``ledger`` can enter."""
        return await self.ledger.client(f"/mcp/s/{name}")

    async def metrics(self) -> str:
        async with new_client(self.running.base, KEY) as http:
            answer = await http.get("/metrics")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def leave_alone(self) -> None:
        """Judge now, and look on no longer: the program is about to be ended or killed."""
        self._left_alone = True
        await self.check()
        wrong = await self.dismiss()
        assert not wrong, "\n".join(wrong)

    async def check(self) -> None:
        """Judge what can be judged while it runs: one truth (I5), and no secret in it (I7)."""
        wrong = await self._one_truth()
        assert not wrong, "\n".join(wrong)

    # --- the frame ----------------------------------------------------------------------------

    async def open(self, servers: Mapping[str, Json]) -> None:
        await self.listener.start()
        await self.ready(CANARY)
        await self.canary.start()
        for _ in range(3):  # threads and connections that are made once, when first needed
            await asyncio.gather(*(self.metrics() for _ in range(8)))
        client = await self.client(CANARY)
        await client.call("stderr", {"text": f"my key is {self.secret}\n"})
        await client.http.aclose()
        self._baseline = await self.footprint()
        if servers:
            self.configure(servers)
            await self.until(lambda world: set(servers) <= set(world["servers"]))

    async def close(self) -> None:
        """Judge the program at rest, with none but the bystander left."""
        if self._left_alone:
            return
        await self.check()
        await self.running.http.aclose()
        await self.ledger.close()
        self.configure({})
        await self.until(lambda world: set(world["servers"]) == {CANARY})
        wrong = await self._leaks()
        wrong += invariants.command_lines_with((self.secret,))
        wrong += await self.dismiss()
        assert not wrong, "\n".join(wrong)

    async def dismiss(self) -> list[str]:
        """Let everyone who looked on go; what they saw that was wrong."""
        wrong = await self.canary.stop()
        wrong += await self.listener.stop()
        wrong += self.ledger.stop()
        await self.ledger.close()
        return wrong

    async def _one_truth(self) -> list[str]:
        """REST, stream and metrics of one moment; taken again while something is changing."""
        wrong = ["nothing stood still long enough to be compared"]
        async with new_client(self.running.base, KEY) as http:
            deadline = time.monotonic() + invariants.SOON
            while time.monotonic() < deadline:
                before = (await http.get("/api/v1/status")).json()["data"]["seq"]
                rest = await http.get("/api/v1/servers")
                metrics = await http.get("/metrics")
                after = (await http.get("/api/v1/status")).json()["data"]["seq"]
                if before != after:
                    continue
                if self.world["seq"] < after:
                    await self.until(lambda world, seq=after: world["seq"] >= seq)
                if self.world["seq"] != after:
                    continue
                servers = rest.json()["data"]["servers"]
                wrong = invariants.disagreements(servers, self.world, metrics.text)
                told = rest.text + metrics.text
                if any(secret in told for secret in (self.secret, KEY)):
                    wrong.append("REST or metrics tell a secret")
                return wrong
        return wrong

    async def footprint(self) -> Footprint:
        """What the program holds, once what it does for the asking is over."""
        metrics = await self.metrics()
        last = Footprint.of(self.pid, metrics)
        # Connections of the scrape itself are closed a moment after it.
        for _ in range(20):
            await asyncio.sleep(0.05)
            now = Footprint.of(self.pid, metrics)
            if now == last:
                break
            last = now
        return last

    async def _leaks(self) -> list[str]:
        """What stays beyond the baseline (I2)."""
        assert self._baseline is not None
        wrong = ["not looked"]
        deadline = time.monotonic() + invariants.SOON
        while wrong and time.monotonic() < deadline:
            wrong = (await self.footprint()).beyond(self._baseline)
        return wrong


@asynccontextmanager
async def scene(
    home: Home,
    servers: Mapping[str, Json] | None = None,
    desktop: Mapping[str, str] | None = None,
    **settings: object,
) -> AsyncIterator[Scene]:
    """Run the program with a bystander; then with ``servers`` too; judge it at the end.

    ``desktop`` is the environment of a desktop, where it has an icon; without, it has none.
    ``settings`` are further keys of the config file. A test that ends the program itself calls
    ``leave_alone`` before.
    """
    stage = Stage(home, settings)
    stage.configure({})
    try:
        command = "serve" if desktop is None else "run"
        async with program(home, command, desktop) as running:
            playing = Scene(stage, running)
            try:
                await playing.open(servers or {})
                yield playing
                await playing.close()
            finally:
                await playing.dismiss()
        left = await eventually(stage.left_behind, GONE)
        assert not left, "left behind: " + "; ".join(left)
    finally:
        for found in stage.processes():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(found.pid).kill()

"""The real program as a process of its own, for tests that use it as a person would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import aconnect_sse

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-m", "tray_app")
START_LIMIT = 60.0
STOP_LIMIT = 30.0
KEY = "0" * 64

Json = dict[str, Any]


@dataclass(slots=True)
class Home:
    """A data directory and a config file of a test's own."""

    directory: Path

    @property
    def config_file(self) -> Path:
        return self.directory / "mcp_config.json"

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--config", str(self.config_file), "--data-dir", str(self.directory / "data"))

    @property
    def prefix(self) -> Sequence[str]:
        """A command that prepares something and then becomes the program."""
        return ()

    @property
    def environ(self) -> dict[str, str]:
        """Ours, less what points at a desktop; nothing of the person's own files is used."""
        ours = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {**ours, "HOME": str(self.directory), "PYTHONPATH": str(ROOT)}

    def configure(self, servers: Mapping[str, Json], **settings: object) -> None:
        """Write the config file as an editor would: a new file in place of the old."""
        document = {
            "listen": "127.0.0.1:0",
            "api_key": KEY,
            **settings,
            "mcpServers": servers,
        }
        self.write(json.dumps(document, indent=2))

    def write(self, text: str) -> None:
        draft = self.config_file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.config_file)

    async def command(self, *arguments: str, piped: str = "") -> tuple[int, str, str]:
        """Run one command of the program, with what is piped in: exit code, output, errors."""
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            *arguments,
            *self.flags,
            env=self.environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(piped.encode()), START_LIMIT)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


class RunningProgram:
    """One instance that answers; ``http`` has its address and key."""

    def __init__(self, home: Home, process: asyncio.subprocess.Process, endpoint: str) -> None:
        self.home = home
        self.process = process
        self.endpoint = endpoint
        self.base = endpoint.removesuffix("/mcp")
        self.http = httpx.AsyncClient(
            base_url=self.base, headers={"X-API-Key": KEY}, timeout=START_LIMIT, trust_env=False
        )

    async def get(self, path: str) -> Json:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        data: Json = answer.json()["data"]
        return data

    async def post(self, path: str) -> Json:
        answer = await self.http.post(path)
        assert answer.status_code in {200, 202}, answer.text
        data: Json = answer.json()["data"]
        return data

    async def server(self, name: str) -> Json:
        servers = (await self.get("/api/v1/servers"))["servers"]
        return next(entry for entry in servers if entry["name"] == name)

    async def events(self) -> AsyncIterator[Json]:
        """The world as a client folds it from the event stream, once per event."""
        world: Json = {}
        async with aconnect_sse(self.http, "GET", "/events", timeout=START_LIMIT) as source:
            async for event in source.aiter_sse():
                if event.event not in {"snapshot", "delta"}:
                    continue
                data = json.loads(event.data)
                changed = {entry["name"]: entry for entry in data["servers"]}
                if event.event == "snapshot":
                    servers = changed
                else:
                    servers = {
                        name: changed.get(name) or world["servers"][name]
                        for name in (world["servers"] if data["names"] is None else data["names"])
                    }
                world = {**data, "servers": servers}
                yield world

    async def until(self, condition: Callable[[Json], bool]) -> Json:
        """The first world of the event stream that fulfils the condition."""
        last: Json = {}
        try:
            async with asyncio.timeout(START_LIMIT):
                async for last in self.events():
                    if condition(last):
                        return last
        except TimeoutError:
            raise AssertionError(f"not so in {START_LIMIT:g} s; the last world: {last}") from None
        raise AssertionError("the event stream ended before it was so")

    async def ready(self, *names: str) -> Json:
        """Wait until the servers, or all there are, are ready."""
        return await self.until(
            lambda world: all(
                world["servers"].get(name, {}).get("status") == "ready"
                for name in names or world["servers"]
            )
        )

    async def stop(self) -> int:
        """Ask it to end as a session manager does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), STOP_LIMIT)


@asynccontextmanager
async def program(
    home: Home,
    command: str = "serve",
    desktop: Mapping[str, str] | None = None,
) -> AsyncIterator[RunningProgram]:
    """Start the program and wait until its endpoint answers; it is stopped at the end.

    ``desktop`` is the environment that leads to a session bus and a screen.
    """
    process = await asyncio.create_subprocess_exec(
        *home.prefix,
        *PROGRAM,
        command,
        *home.flags,
        env={**home.environ, **(desktop or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), START_LIMIT)).decode()
        assert "http://" in line, f"it did not start: {line!r}"
        running = RunningProgram(home, process, line.split()[-1])
        async with running.http:
            yield running
            if process.returncode is None:
                assert await running.stop() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # What it printed later is not needed, but an unread pipe would warn.
        await process.stdout.read()

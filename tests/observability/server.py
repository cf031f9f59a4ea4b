"""A real Prometheus on this machine, with nothing but its programming interface asked."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.faults.invariants import eventually

Json = dict[str, Any]

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
ABSENT = "Prometheus is not installed; on Debian and Ubuntu: apt-get install prometheus"
LIMIT = 30.0
STEP = 2  # seconds between the points that are asked for


class Prometheus:
    """One that runs; times are those of now unless given."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, **asked: Any) -> Any:
        """The data of an answer. What is wrong with a question is raised in its own words."""
        answer = await self._http.get(path, params=asked)
        message: Json = answer.json()
        assert message["status"] == "success", f"{asked}: {message.get('error')}"
        return message["data"]

    async def now(self, expr: str) -> list[Json]:
        """The series of an expression, each with one value."""
        data = await self.get("/api/v1/query", query=expr)
        found: list[Json] = data["result"]
        return found

    async def range(self, expr: str, seconds: float) -> list[Json]:
        """The series of an expression over the last ``seconds``, as a panel asks for them."""
        end = time.time()
        asked = {"query": expr, "start": end - seconds, "end": end, "step": STEP}
        data = await self.get("/api/v1/query_range", **asked)
        found: list[Json] = data["result"]
        return found

    async def names(self) -> set[str]:
        """Every metric there is."""
        return set(await self.get("/api/v1/label/__name__/values"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def prometheus(config: Path) -> AsyncIterator[Prometheus]:
    """Start one on a free port, with its data beside ``config``; it is ended at the end."""
    assert PROMETHEUS is not None, ABSENT
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        PROMETHEUS,
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
        env={"PATH": os.environ["PATH"], "GOMAXPROCS": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wrong = await eventually(lambda: _not_ready(base, process), LIMIT)
        assert not wrong, wrong
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=LIMIT) as http:
            yield Prometheus(http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _not_ready(base: str, process: asyncio.subprocess.Process) -> list[str]:
    assert process.returncode is None, f"Prometheus ended with {process.returncode}"
    try:
        answer = httpx.get(f"{base}/-/ready", trust_env=False)
    except httpx.TransportError as error:
        return [str(error)]
    return [] if answer.status_code == 200 else [answer.text]

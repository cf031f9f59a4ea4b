"""The metrics on a port of their own: readable without a key, by this machine's programs only."""

from __future__ import annotations

import asyncio
import re

import httpx

from core.model.config import Listen
from core.web.serve import bind_tcp
from tests.faults.invariants import eventually
from tests.program import Home, program

_ADDRESS = re.compile(r"metrics port .*address=(\S+)")


def log_of(home: Home) -> str:
    return next(home.directory.rglob("main.log")).read_text()


async def test_the_metrics_port_needs_no_key_and_has_nothing_else(home: Home) -> None:
    """Whoever names this machine gets the metrics; a rebound name or another path does not."""
    home.configure({}, observability={"metrics": {"listen": "127.0.0.1:0"}})
    async with program(home) as running:
        await eventually(lambda: [] if _ADDRESS.search(log_of(home)) else ["not said"], 30)
        found = _ADDRESS.search(log_of(home))
        assert found is not None, log_of(home)
        base = f"http://{found[1]}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
            page = await http.get("/metrics")
            assert page.status_code == 200
            assert "mcpproxy_build_info{" in page.text
            assert (await http.get("/api/v1/status")).status_code == 404
            assert (await http.post("/metrics")).status_code == 404
            rebound = await http.get("/metrics", headers={"host": "evil.example"})
            assert rebound.status_code == 403
            assert "mcpproxy_" not in rebound.text
        async with httpx.AsyncClient(base_url=running.base, trust_env=False) as keyless:
            assert (await keyless.get("/metrics")).status_code == 401


async def test_a_metrics_port_in_use_keeps_nothing_from_running(home: Home) -> None:
    """The program serves, and its log says whose port it is and what to do."""
    taken = await asyncio.to_thread(bind_tcp, Listen("127.0.0.1", 0))
    with taken:
        port = taken.getsockname()[1]
        home.configure({}, observability={"metrics": {"listen": f"127.0.0.1:{port}"}})
        async with program(home) as running:
            assert (await running.get("/api/v1/status"))["running"]
    assert "observability.metrics.listen" in log_of(home)

"""A real Prometheus scrapes the real program in every kind of trouble: nothing asked is missing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.observability.checks import Json, names_in, questions, unused, wrong_with
from tests.observability.pages import RULES, SCRAPE, dashboards
from tests.observability.server import ABSENT, PROMETHEUS, Prometheus, free_port, prometheus
from tests.observability.traffic import SERVERS, TRACE, Clients
from tests.program import KEY, Home, RunningProgram, program

pytestmark = pytest.mark.timeout(300)

ROUNDS = 8
MORE_ROUNDS = 20
SCRAPES = 14  # that the panels' rates are taken from


def configured(directory: Path, own_port: int, running: RunningProgram) -> Path:
    """The shipped files, with this run's addresses and a quicker pace."""
    text = SCRAPE.read_text().replace("15s", "1s")
    text = text.replace("127.0.0.1:9464", f"127.0.0.1:{own_port}")
    text = text.replace("127.0.0.1:8080", running.base.removeprefix("http://"))
    directory.mkdir()
    (directory / "mcpproxy-api-key").write_text(KEY)
    (directory / RULES.name).write_text(RULES.read_text())
    written = directory / SCRAPE.name
    written.write_text(text)
    return written


@asynccontextmanager
async def watched(home: Home) -> AsyncIterator[tuple[RunningProgram, Clients, Prometheus]]:
    """The program in trouble, and a Prometheus that has seen enough of it."""
    own_port = free_port()
    settings = {"observability": {"metrics": {"listen": f"127.0.0.1:{own_port}"}}}
    home.configure(SERVERS, **settings)
    async with program(home) as running:
        itself = {"url": f"{running.base}/mcp/s/well"}
        home.configure({**SERVERS, "web": itself}, **settings)
        await running.ready("well", "mortal", "chatty", "web")
        config = configured(home.directory / "prometheus", own_port, running)
        clients = Clients(running)
        async with prometheus(config) as server, clients.listening():
            number = scrapes = 0
            while number < ROUNDS or scrapes < SCRAPES:
                await clients.round(number)
                number += 1
                seen = await server.now('count_over_time(up{job="mcpproxy-tray"}[5m])')
                scrapes = int(seen[0]["value"][1]) if seen else 0
            yield running, clients, server


def misspelt(dashboard: Json, name: str) -> Json:
    """The same with one metric misspelt, as a change of its name would leave it."""
    text = json.dumps(dashboard)
    assert name in text
    return json.loads(re.sub(rf"\b{name}\b", f"{name}s", text))


async def wrong_with_all(server: Prometheus) -> list[str]:
    """What is missing in any dashboard, for all servers and for those that a person chose."""
    found = []
    for dashboard in dashboards():
        found += await wrong_with(dashboard, server)
        found += await wrong_with(dashboard, server, "well|mortal|chatty|web|locked")
    return found


@pytest.mark.skipif(PROMETHEUS is None, reason=ABSENT)
async def test_nothing_that_is_asked_is_missing(home: Home) -> None:
    """Every panel has data and its legend's labels; every rule works; a wrong name is caught."""
    async with watched(home) as (running, clients, server):
        for job in ("mcpproxy-tray", "mcpproxy-tray-with-key"):
            [up] = await server.now(f'max_over_time(up{{job="{job}"}}[1m])')
            assert up["value"][1] == "1", job
        wrong = await wrong_with_all(server)
        for number in range(MORE_ROUNDS):
            if not wrong:
                break
            await clients.round(number)  # on a busy machine some trouble may lie too far back
            wrong = await wrong_with_all(server)
        assert wrong == []

        rules = [
            rule
            for group in (await server.get("/api/v1/rules"))["groups"]
            for rule in group["rules"]
        ]
        assert {
            rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"
        } == {}
        for rule in rules:
            if rule["type"] == "recording":
                assert await server.now(rule["name"]), f"{rule['name']} has no data"
        down = next(rule for rule in rules if rule["name"] == "McpProxyServerDown")
        assert {alert["labels"]["server"] for alert in down["alerts"]} >= {"missing", "broken"}

        names = await server.names()
        asked = [expr for dashboard in dashboards() for expr in questions(dashboard)]
        asked += [rule["query"] for rule in rules]
        assert names_in(asked) - names == set()
        page = (await running.http.get("/metrics")).text
        families = re.findall(r"^# TYPE (\S+)", page, re.MULTILINE)
        assert unused(families, asked) == []

        traced = await server.get(
            "/api/v1/query_exemplars",
            query="mcpproxy_tool_call_duration_seconds_bucket",
            start=time.time() - 600,
            end=time.time(),
        )
        traces = {each["labels"]["trace_id"] for found in traced for each in found["exemplars"]}
        assert traces == {TRACE}

        calls = next(each for each in dashboards() if each["uid"] == "mcpproxy-calls")
        planted = misspelt(calls, "mcpproxy_tool_calls_total")
        assert [what for what in await wrong_with(planted, server) if "no data" in what] != []
        assert names_in(questions(planted)) - names == {"mcpproxy_tool_calls_totals"}

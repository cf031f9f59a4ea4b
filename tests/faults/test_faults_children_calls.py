"""F08, F17, F21 to F24, F30: servers that do not answer, do not read, or answer strangely."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from httpx_sse import aconnect_sse

from tests.fakes import faultsrv
from tests.faults.conftest import SceneMaker
from tests.faults.invariants import metric
from tests.faults.scene import Json, entry
from tests.pace import within

pytestmark = pytest.mark.timeout(300)

MIB = 1024 * 1024


def is_well(server: Json) -> bool:
    return (server["status"], server["health"]["level"]) == ("ready", "healthy")


async def test_f08_calls_that_hang_are_named_cancelled_and_at_last_a_concern(
    scene: SceneMaker,
) -> None:
    """Each fails with server and tool in its words; three in a row offer a restart."""
    async with scene({"victim": entry(call_timeout="300ms")}) as play:
        await play.ready()
        client = await play.client("victim")
        for _ in range(3):
            reply = await play.ledger.call(client, "mute")
            words = reply["error"]["message"]
            assert "'mute' of the server 'victim'" in words
            assert "no answer to tools/call in 0.3 s and was told to stop" in words
        troubled = (
            await play.until(
                lambda world: world["servers"]["victim"]["health"]["level"] == "degraded"
            )
        )["servers"]["victim"]
        assert troubled["status"] == "ready"
        assert troubled["health"]["action"] == "restart"
        assert "did not answer the last 3 requests" in troubled["health"]["detail"]
        seen = (await client.call("seen", {}))["structuredContent"]["messages"]
        told = [each for each in seen if each["method"] == "notifications/cancelled"]
        assert len(told) == 3
        # One answer, and all is well again
        await play.until(lambda world: is_well(world["servers"]["victim"]))


async def test_f17_a_server_that_never_reads_holds_up_only_its_own_calls(
    scene: SceneMaker,
) -> None:
    """After 10 s its calls fail with words; memory stays; it can be stopped at once."""
    async with scene({"deaf": entry("deaf-after", "tools/call")}) as play:
        await play.ready()
        client = await play.client("deaf")
        assert "result" in await play.ledger.call(client)
        big = "x" * MIB
        before = psutil.Process(play.pid).memory_info().rss
        calls = [asyncio.create_task(play.ledger.call(client, text=big)) for _ in range(100)]
        peak, began = before, time.monotonic()
        while not all(call.done() for call in calls):
            await asyncio.wait(calls, timeout=0.1)
            peak = max(peak, psutil.Process(play.pid).memory_info().rss)
        took = time.monotonic() - began
        words = [call.result()["error"]["message"] for call in calls]
        unread = [text for text in words if "has not read its input for 10 s" in text]
        busy = [text for text in words if "too busy" in text]
        assert len(unread) + len(busy) == 100
        assert len(unread) >= 16
        assert all("server 'deaf'" in text for text in words)
        assert 9.5 < took < within(20)
        assert peak - before < 128 * MIB
        later = await play.ledger.call(client)
        assert "it has not read its input for" in later["error"]["message"]
        began = time.monotonic()
        play.configure({"deaf": entry("deaf-after", "tools/call", enabled=False)})
        await play.shows("deaf", "disabled")
        assert time.monotonic() - began < within(5.0)


async def test_f21_an_answer_given_twice_is_taken_once(scene: SceneMaker) -> None:
    """The second one is counted and reaches nobody."""
    async with scene({"victim": entry("wrong-ids", "duplicate")}) as play:
        await play.ready()
        client = await play.client("victim")
        for number in range(20):
            reply = await client.ask("tools/call", {"name": "echo", "arguments": {"n": number}})
            assert reply["result"] == {"content": [], "wrong": False}  # the first of the two
        metrics = await play.metrics()
        counted = metric(
            metrics, "mcpproxy_protocol_violations_total", server="victim", kind="unknown_id"
        )
        assert counted >= 19  # the last one may be on its way


async def test_f21_answers_with_wrong_ids_reach_nobody(scene: SceneMaker) -> None:
    """Two clients with equal ids on one server: each call gets its own answer, and one."""
    kinds = ("unknown", "string", "null")
    async with scene({kind: entry("wrong-ids", kind) for kind in kinds}) as play:
        await play.ready()

        async def calls(kind: str) -> None:
            client = await play.client(kind)
            client.ids = itertools.count(0)
            for _ in range(100):
                reply = await play.ledger.call(client)
                assert "result" in reply
                assert not reply["result"].get("wrong")

        await asyncio.gather(*(calls(kind) for kind in kinds for _ in range(2)))
        metrics = await play.metrics()
        for server in kinds:
            counted = [
                metric(metrics, "mcpproxy_protocol_violations_total", server=server, kind=each)
                for each in ("unknown_id", "not_jsonrpc")
            ]
            assert sum(counted) == 200


async def test_f22_a_storm_of_notices_is_read_and_told_once(scene: SceneMaker) -> None:
    """A thousand notices are one reading in two seconds, one word to the client, one truth."""
    async with scene({"victim": entry()}) as play:
        await play.ready()
        tools = play.server("victim")["tool_count"]
        client = await play.client("victim")
        told = asyncio.create_task(listen(client.http, client.path, client.headers))
        await client.call("flip", {"notices": 1000})
        await play.until(lambda world: world["servers"]["victim"]["tool_count"] == tools + 1)
        await client.call("flip", {"notices": 1000})
        await play.until(lambda world: world["servers"]["victim"]["tool_count"] == tools)
        seen = (await client.call("seen", {}))["structuredContent"]["messages"]
        readings = sum(message["method"] == "tools/list" for message in seen)
        assert readings <= 5  # at the start, and two for each storm at most
        told.cancel()
        notices = await told
        assert 1 <= notices.count("notifications/tools/list_changed") <= 4


async def listen(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> list[str]:
    """The methods of what a client is told, until cancelled."""
    methods: list[str] = []
    wanted = {**headers, "accept": "text/event-stream"}
    with suppress(asyncio.CancelledError):
        async with aconnect_sse(http, "GET", path, headers=wanted) as source:
            async for event in source.aiter_sse():
                methods += [json.loads(event.data)["method"]] if event.data else []
    return methods


async def test_f23_lists_without_end_are_cut_and_said_to_be(scene: SceneMaker) -> None:
    """Ten thousand tools, or a page that names itself as the next: ready, with a concern."""
    async with scene({"many": entry("pages", "500", "10000"), "loop": entry("page-loop")}) as play:
        for name, most in (("many", 2000), ("loop", 100)):
            server = await play.shows(name, "ready", action="")
            assert server["health"]["level"] == "degraded"
            assert "Tool list truncated" in server["health"]["detail"]
            assert 0 < server["tool_count"] <= most
            client = await play.client(name)
            assert "result" in await play.ledger.call(client)


async def test_f24_a_servers_own_requests_are_always_answered(scene: SceneMaker) -> None:
    """Ping is; what was never offered is refused, so the server waits for nothing."""
    async with scene({"victim": entry()}) as play:
        await play.ready()
        client = await play.client("victim")
        replies = await asyncio.gather(*(client.call("ask", {}) for _ in range(10)))
        for reply in replies:
            answers = {key.split("#")[0]: told for key, told in reply["structuredContent"].items()}
            assert answers.pop("ping") == {"result": {}}
            assert len(answers) == 3
            assert all(told["error"]["code"] == -32601 for told in answers.values())


async def test_f30_a_first_start_that_downloads_gets_more_time(
    scene: SceneMaker, tmp_path: Path
) -> None:
    """While a fetching command still writes to stderr its limit is stretched, and said to be."""
    program = tmp_path / "npx"
    server = " ".join(faultsrv.command("slow-start", "3000"))
    program.write_text(f"#!/bin/sh\necho fetching >&2\nexec {server}\n")
    program.chmod(0o755)
    slow = {"command": str(program), "init_timeout": "2s"}
    async with scene({"slow": slow}) as play:
        summary = "Connecting, still downloading"
        await play.until(lambda world: world["servers"]["slow"]["health"]["summary"] == summary)
        await play.shows("slow", "ready", action="")

"""The real program while its servers die, its file is edited, and it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes import faultsrv
from tests.leaks import alive
from tests.mcp_http import RawClient
from tests.pace import within
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(240)


def entry(*mode: str, **settings: object) -> Json:
    command, *args = faultsrv.command(*(mode or ("ok",)))
    return {"command": command, "args": args, **settings}


def pids(world: Json) -> dict[str, Any]:
    return {name: server["pid"] for name, server in world["servers"].items()}


async def test_a_killed_server_is_seen_at_once_and_comes_back(
    home: Home, nothing_left: None
) -> None:
    """After kill -9 the event stream tells of it, then of a new process, with its cause."""
    home.configure({"victim": entry()})
    async with program(home) as running:
        pid = pids(await running.ready())["victim"]
        events = running.events()
        await anext(events)
        os.kill(pid, signal.SIGKILL)
        async for world in events:
            victim = world["servers"]["victim"]
            if victim["status"] == "backoff":
                assert victim["fault"]["code"] == "CRASHED"
                assert "SIGKILL" in victim["fault"]["message"]
                assert victim["retry_at"] is not None
            if victim["status"] == "ready" and victim["pid"] != pid:
                break
        await events.aclose()


async def test_calls_to_other_servers_never_notice_a_death(home: Home) -> None:
    """While one server dies again and again, every call to another gets its answer."""
    home.configure({"victim": entry(), "bystander": entry()})
    async with program(home) as running:
        await running.ready()
        client = RawClient(running.http, "/mcp/s/bystander")
        await client.open()
        deaths = asyncio.create_task(_kill_repeatedly(running, "victim", 3))
        answered = 0
        while not deaths.done() or answered < 200:
            result = await client.call("echo", {"number": answered})
            assert result["structuredContent"]["arguments"] == {"number": answered}
            answered += 1
        await deaths
        assert (await running.server("bystander"))["attempt"] == 1


async def _kill_repeatedly(running: RunningProgram, name: str, times: int) -> None:
    for _ in range(times):
        pid = pids(await running.ready(name))[name]
        os.kill(pid, signal.SIGKILL)
        await running.until(lambda world, pid=pid: world["servers"][name]["pid"] not in {None, pid})


async def test_a_call_in_flight_when_the_server_dies_is_answered_with_what_is_known(
    home: Home,
) -> None:
    """The caller learns that its call may or may not have run, and the next call works."""
    home.configure({"victim": entry()})
    async with program(home) as running:
        await running.ready()
        client = RawClient(running.http, "/mcp/s/victim")
        await client.open()
        reply = await client.ask("tools/call", {"name": "die", "arguments": {}})
        assert "may or may not have been carried out" in reply["error"]["message"]
        await running.ready()
        assert (await client.call("echo", {"again": True}))["structuredContent"]["arguments"]


async def test_a_call_to_a_server_that_waits_names_phase_cause_and_next_attempt(
    home: Home,
) -> None:
    """The error of a server in backoff is one a person can act on."""
    home.configure({"broken": entry("exit", "3", "no licence file")})
    async with program(home) as running:
        await running.until(lambda world: world["servers"]["broken"]["attempt"] >= 2)
        await running.until(lambda world: world["servers"]["broken"]["status"] == "backoff")
        refused = await RawClient(running.http, "/mcp/s/broken").open()
        message = refused["error"]["message"]
        for part in ("'broken'", "backoff", "exit code 3", "no licence file", "Next attempt in"):
            assert part in message
        assert refused["error"]["data"]["action"] == "view_logs"


@pytest.mark.parametrize("kind", ["group", "hold"])
async def test_nothing_is_left_after_quitting(home: Home, kind: str, nothing_left: None) -> None:
    """Servers and what they started are gone once the program has ended."""
    marker = home.directory / "grandchild"
    home.configure(
        {
            "parent": entry("grandchild", kind, str(marker)),
            "stubborn": entry("ignore-term"),
            "plain": entry(),
        }
    )
    async with program(home) as running:
        world = await running.ready()
        grandchild = int(marker.read_text())
        assert alive(grandchild)
        family = pids(world).values()
        began = time.monotonic()
        assert await running.stop() == 0
        took = time.monotonic() - began
    # Killed is not yet gone: the system ends them when it comes to it.
    killed = [psutil.Process(pid) for pid in (*family, grandchild) if alive(pid)]
    await asyncio.to_thread(psutil.wait_procs, killed, 10)
    assert not [process for process in killed if alive(process.pid)]
    assert took < within(8.0)


async def test_a_crashed_servers_grandchild_does_not_survive_it(home: Home) -> None:
    """What a killed server leaves in its process group is ended before it is started anew."""
    marker = home.directory / "grandchild"
    home.configure({"parent": entry("grandchild", "hold", str(marker))})
    async with program(home) as running:
        pid = pids(await running.ready())["parent"]
        orphan = psutil.Process(int(marker.read_text()))
        os.kill(pid, signal.SIGKILL)
        await running.until(lambda world: world["servers"]["parent"]["status"] == "backoff")
        await asyncio.to_thread(psutil.wait_procs, [orphan], 10)
        assert not alive(orphan.pid)


async def test_editing_one_entry_restarts_exactly_that_server(home: Home) -> None:
    """New args or env start that server anew, and no other; a new time limit touches none."""
    servers = {name: entry() for name in ("one", "two", "three")}
    home.configure(servers)
    async with program(home) as running:
        before = pids(await running.ready())
        servers["two"] = entry("crlf")
        home.configure(servers)
        after_args = pids(await running.until(_ready_with_other("two", before)))
        assert after_args["one"] == before["one"]
        assert after_args["three"] == before["three"]
        servers["three"] = entry(env={"COLOUR": "green"})
        home.configure(servers)
        after_env = pids(await running.until(_ready_with_other("three", after_args)))
        assert {**after_env, "three": None} == {**after_args, "three": None}
        servers["one"] = entry(call_timeout="5s")
        revision = (await running.get("/api/v1/status"))["config_revision"]
        home.configure(servers)
        last = await running.until(lambda world: world["config_revision"] > revision)
        assert pids(last) == after_env
        client = RawClient(running.http, "/mcp/s/three")
        await client.open()
        environment = (await client.call("env", {}))["structuredContent"]
        assert environment["env"]["COLOUR"] == "green"


def _ready_with_other(name: str, before: dict[str, Any]) -> Any:
    def changed(world: Json) -> bool:
        server = world["servers"][name]
        return server["status"] == "ready" and server["pid"] != before[name]

    return changed


async def test_adding_and_removing_entries_starts_and_stops_only_those(home: Home) -> None:
    """A new entry becomes a running server, a deleted one goes, the rest stay."""
    home.configure({"stays": entry(), "goes": entry()})
    async with program(home) as running:
        before = pids(await running.ready())
        home.configure({"stays": entry(), "comes": entry()})
        world = await running.until(
            lambda world: (
                set(world["servers"]) == {"stays", "comes"}
                and world["servers"]["comes"]["status"] == "ready"
            )
        )
        assert world["servers"]["stays"]["pid"] == before["stays"]
        assert not alive(before["goes"])


async def test_a_broken_file_changes_nothing_but_a_visible_problem(home: Home) -> None:
    """Servers stay as they were, the problem is named with its line, mending it clears it."""
    home.configure({"one": entry()})
    good = home.config_file.read_text()
    async with program(home) as running:
        before = await running.ready()
        home.write(good.replace('"args": [', '"args": [,', 1))
        broken = await running.until(lambda world: world["config_problem"] is not None)
        assert pids(broken) == pids(before)
        (problem,) = broken["config_problem"]["problems"]
        assert problem["line"] == good[: good.index('"args": [')].count("\n") + 1
        code, out, _ = await home.command("status")
        assert code == 0
        assert "mistake" in out
        home.write(good)
        mended = await running.until(lambda world: world["config_problem"] is None)
        assert pids(mended) == pids(before)


async def test_enable_disable_and_restart_go_through_the_file_and_the_machine(
    home: Home,
) -> None:
    """REST changes the entry in the file, and answers once the server is where it should be."""
    home.configure({"one": entry(), "other": entry()})
    async with program(home) as running:
        before = pids(await running.ready())
        disabled = await running.post("/api/v1/servers/one/disable?wait=disabled&timeout=20")
        assert disabled["server"]["health"]["summary"] == "Disabled"
        assert '"enabled": false' in home.config_file.read_text()
        assert not alive(before["one"])
        await running.post("/api/v1/servers/one/enable?wait=ready&timeout=20")
        restarted = await running.post("/api/v1/servers/one/restart?wait=ready&timeout=20")
        assert restarted["server"]["pid"] not in {None, before["one"]}
        assert (await running.server("other"))["pid"] == before["other"]


async def test_metrics_tell_what_the_supervisor_did(home: Home) -> None:
    """All nine families are there, and count a death, its retry, and tool calls by outcome."""
    home.configure({"victim": entry()})
    async with program(home) as running:
        client = RawClient(running.http, "/mcp/s/victim")
        pid = pids(await running.ready())["victim"]
        await client.open()
        await client.call("echo", {})
        os.kill(pid, signal.SIGKILL)
        await running.until(lambda world: world["servers"]["victim"]["pid"] not in {None, pid})
        page = (await running.http.get("/metrics")).text
        for line in (
            'mcpproxy_supervisor_state_changes_total{server="victim",from_state="ready",'
            'to_state="backoff"} 1.0',
            'mcpproxy_actor_retries_total{server="victim"} 1.0',
            'mcpproxy_actor_failures_total{server="victim",error_type="CRASHED"} 1.0',
            'mcpproxy_tool_calls_total{server="victim",tool="echo",status="success"} 1.0',
            'mcpproxy_actor_connect_duration_seconds_count{server="victim",result="success"} 2.0',
        ):
            assert _in_any_label_order(line, page), line
        home.configure({})
        await running.until(lambda world: not world["servers"])
        assert 'server="victim"' not in (await running.http.get("/metrics")).text


def _in_any_label_order(line: str, page: str) -> bool:
    name, _, rest = line.partition("{")
    labels, _, value = rest.partition("} ")
    wanted = set(labels.split(","))
    for found in page.splitlines():
        if found.startswith(name + "{") and found.endswith(" " + value):
            inside = found[len(name) + 1 : found.index("}")]
            if set(inside.split(",")) == wanted:
                return True
    return False


async def test_the_servers_log_holds_its_stderr(home: Home) -> None:
    """`servers logs` and the log file show what the server wrote."""
    home.configure({"talker": entry("exit", "0", "I have nothing to serve")})
    async with program(home) as running:
        await running.until(lambda world: world["servers"]["talker"]["fault"] is not None)
        code, out, _ = await home.command("servers", "logs", "talker")
        assert code == 0
        assert "I have nothing to serve" in out
        log = Path(home.directory, "data", "logs", "server-talker.log")
        assert "I have nothing to serve" in log.read_text()

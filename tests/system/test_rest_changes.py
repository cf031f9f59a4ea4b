"""Changing the config file, calling tools and following logs by REST and by the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from httpx_sse import aconnect_sse

from tests.program import PROGRAM, START_LIMIT, Home, Json, RunningProgram, program

EXAMPLE = {"command": sys.executable, "args": ["-m", "tray_app.example_server"]}
SECRET = "planted-secret"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.configure({"one": {**EXAMPLE, "env": {"TOKEN": SECRET}}}, quarantine_enabled=False)
    return home


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    async with program(home) as running:
        await running.ready()
        yield running


def refused(answer: httpx.Response) -> tuple[int, str]:
    envelope = answer.json()
    assert envelope["success"] is False
    return answer.status_code, envelope["error"]["code"]


def entries(home: Home) -> Json:
    document: Json = json.loads(home.config_file.read_text())
    found: Json = document["mcpServers"]
    return found


async def test_servers_come_change_and_go_through_the_file(
    home: Home, running: RunningProgram
) -> None:
    """Each change is in the file and in effect; nothing else in the file is touched."""
    api = running.http
    added = await api.post("/api/v1/servers?wait=ready", json={"name": "two", **EXAMPLE})
    assert added.json()["data"]["server"]["status"] == "ready"
    assert entries(home) == {"one": {**EXAMPLE, "env": {"TOKEN": SECRET}}, "two": EXAMPLE}

    patch = {"env": {"MORE": "x"}, "init_timeout": "30s"}
    assert (await api.patch("/api/v1/servers/one", json=patch)).status_code == 202
    changed = {**EXAMPLE, "env": {"TOKEN": SECRET, "MORE": "x"}, "init_timeout": "30s"}
    assert entries(home)["one"] == changed
    await api.patch("/api/v1/servers/one", json={"env": {"MORE": None}, "init_timeout": None})
    assert entries(home)["one"] == {**EXAMPLE, "env": {"TOKEN": SECRET}}

    assert (await api.delete("/api/v1/servers/two")).status_code == 202
    assert list(entries(home)) == ["one"]
    await running.until(lambda world: "two" not in world["servers"])
    assert refused(await api.get("/api/v1/servers/two")) == (404, "unknown_server")


async def test_bad_changes_are_refused_and_change_nothing(
    home: Home, running: RunningProgram
) -> None:
    """Unknown names, taken names, entries that are none, masks, and half of several."""
    api = running.http
    before = home.config_file.read_text()
    post = "/api/v1/servers"
    several = {"servers": [{"name": "a", **EXAMPLE}, {"name": "b", "url": "nowhere"}]}
    for body, told in (
        ({"name": "one", **EXAMPLE}, (400, "config_invalid")),
        ({"name": "a/b", **EXAMPLE}, (400, "config_invalid")),
        ({"name": "a"}, (400, "config_invalid")),
        ({"command": "x"}, (400, "bad_request")),
        ({"name": "a", "command": "x", "env": {"K": "***"}}, (400, "masked_value")),
        (several, (400, "config_invalid")),
        ({"servers": []}, (400, "bad_request")),
        ([1], (400, "bad_request")),
    ):
        assert refused(await api.post(post, json=body)) == told, body
    assert refused(await api.post(post, content=b"{")) == (400, "bad_request")
    for method in ("PATCH", "DELETE"):
        answer = await api.request(method, "/api/v1/servers/nobody", json={})
        assert refused(answer) == (404, "unknown_server")
    assert home.config_file.read_text() == before


async def test_the_whole_file_is_shown_tried_and_replaced(
    home: Home, running: RunningProgram
) -> None:
    """Secrets are masked when shown and kept when put back; a second writer is noticed."""
    api = running.http
    shown = await running.get("/api/v1/config")
    assert SECRET not in json.dumps(shown)
    text = shown["text"].replace('"one"', '"renamed"')
    tried = await api.post("/api/v1/config/validate", json={"text": '{"listen": 5}'})
    assert [each["path"] for each in tried.json()["data"]["problems"]] == ["listen"]

    wanted = {"text": text, "digest": shown["digest"]}
    refusal = await api.post("/api/v1/config/apply", json=wanted)
    assert refused(refusal) == (400, "config_invalid")  # whose is the masked TOKEN now?
    good = shown["text"].replace('"args"', '"init_timeout": "20s", "args"')
    wanted = {"text": good, "digest": shown["digest"]}
    assert (await api.post("/api/v1/config/apply", json=wanted)).status_code == 202
    assert entries(home)["one"]["init_timeout"] == "20s"
    assert entries(home)["one"]["env"] == {"TOKEN": SECRET}
    again = await api.post("/api/v1/config/apply", json=wanted)
    assert refused(again) == (409, "changed_since")


async def test_tools_are_found_and_called(home: Home, running: RunningProgram) -> None:
    """The id that a search gives can be called; what cannot be called says why."""
    found = await running.get("/api/v1/tools?q=what+time+is+it+now")
    assert found["tools"][0]["tool_id"] == "one:current_time"
    assert found["tools"][0]["inputSchema"]["type"] == "object"
    assert found["searched"] == 3
    listed = await running.get("/api/v1/servers/one/tools")
    assert {tool["name"] for tool in listed["tools"]} == {"calculate", "current_time", "text_stats"}

    call = "/api/v1/tools/call"
    answer = await running.http.post(
        call, json={"name": "one:calculate", "args": {"expression": "6*7"}}
    )
    assert answer.json()["data"]["result"]["structuredContent"]["result"] == 42
    for name, told in (
        ("one:nope", (502, "not_called")),
        ("nobody:nope", (502, "not_called")),
        ("nope", (400, "bad_request")),
    ):
        assert refused(await running.http.post(call, json={"name": name})) == told

    code, out, _ = await home.command("tools", "search", "what time is it")
    assert (code, out.split()[0]) == (0, "one:current_time")
    code, out, _ = await home.command("tools", "call", "one:calculate", '{"expression":"6*7"}')
    assert (code, out.strip()) == (0, "6*7 = 42")
    code, _, err = await home.command("tools", "call", "one:calculate", "no json")
    assert (code, "no JSON" in err) == (2, True)


async def test_the_command_line_adds_and_removes_servers(
    home: Home, running: RunningProgram
) -> None:
    """What stands after -- is the command; a server can be added without being started."""
    code, out, _ = await home.command("servers", "add", "off", "--disabled", "--url", "http://h/m")
    assert (code, out.strip()) == (0, "off: Disabled")
    assert entries(home)["off"] == {"url": "http://h/m", "enabled": False}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *("servers", "add", "two", *home.flags, "--env", "A=b=c"),
        *("--", sys.executable, "-m", "tray_app.example_server"),
        env=home.environ,
        stdout=asyncio.subprocess.PIPE,
    )
    out_bytes, _ = await asyncio.wait_for(process.communicate(), START_LIMIT)
    assert out_bytes.decode().strip() == "two: Ready, 3 tools"
    assert entries(home)["two"] == {**EXAMPLE, "env": {"A": "b=c"}}
    code, out, _ = await home.command("servers", "remove", "two", "--json")
    assert code == 0
    assert "accepted_at_seq" in json.loads(out)
    code, _, err = await home.command("servers", "remove", "two")
    assert (code, "no server named 'two'" in err) == (1, True)
    code, _, err = await home.command("servers", "add", "x")
    assert (code, "--url" in err) == (2, True)


async def test_a_log_is_followed_from_both_sides(home: Home, running: RunningProgram) -> None:
    """Lines arrive while the server writes them; the stream ends with the program."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *("servers", "logs", "one", "-f", "-n", "1", *home.flags),
        env=home.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    path = "/api/v1/servers/one/logs?follow=1&tail=1"
    async with aconnect_sse(running.http, "GET", path, timeout=START_LIMIT) as source:
        events = source.aiter_sse()
        first = await anext(events)
        assert first.event == "lines"
        assert "ready on stdin" in first.json()[-1]
        line = await asyncio.wait_for(process.stdout.readline(), START_LIMIT)
        assert b"ready on stdin" in line
        await running.post("/api/v1/servers/one/restart?wait=ready")
        while "ready on stdin" not in (await anext(events)).data:
            continue
        while b"ready on stdin" not in await asyncio.wait_for(
            process.stdout.readline(), START_LIMIT
        ):
            continue
        assert await running.stop() == 0
        assert "bye" in [event.event async for event in events]
    _, err = await asyncio.wait_for(process.communicate(), START_LIMIT)
    assert (process.returncode, b"stopping" in err) == (0, True)


async def test_the_log_level_changes_while_it_runs(home: Home, running: RunningProgram) -> None:
    """By the command line, for a part or all, and back; what it is, is shown."""
    code, out, _ = await home.command("log-level", "--json")
    assert (code, json.loads(out)) == (0, {"level": "info", "loggers": {}})
    code, out, _ = await home.command("log-level", "debug", "--logger", "core.gateway")
    assert (code, "core.gateway was set to debug." in out) == (0, True)
    assert (await running.get("/api/v1/logging"))["loggers"] == {"core.gateway": "debug"}
    code, _, err = await home.command("log-level", "loud")
    assert (code, "must be one of" in err) == (1, True)
    code, _, err = await home.command("log-level", "debug", "--logger", "core.nope")
    assert (code, "core.nope" in err) == (1, True)
    code, out, _ = await home.command("log-level", "default")
    assert (code, out.strip()) == (0, "The log level is info.")


async def test_all_faces_say_the_same_sentence(home: Home, running: RunningProgram) -> None:
    """REST, events, the command line and the tray's title are one function of the snapshot."""
    told = (await running.get("/api/v1/servers"))["stats"]["summary"]
    assert told == "1 of 1 ready"
    _, out, _ = await home.command("status")
    assert f"Servers   {told}; 3 tools" in out
    assert (await running.until(bool))["summary"] == told  # the dashboard's headline

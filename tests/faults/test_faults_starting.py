"""F01 to F07: servers that cannot be started, or never become ready."""

from __future__ import annotations

import asyncio
import random
import shlex
import time
from pathlib import Path

import pytest

from tests.fakes import faultsrv
from tests.faults.conftest import SceneMaker
from tests.faults.invariants import eventually, metric
from tests.faults.scene import Scene, entry
from tests.leaks import alive
from tests.pace import within

pytestmark = pytest.mark.timeout(300)


def write_program(file: Path) -> None:
    """Make the file a program that starts a server with nothing wrong."""
    file.write_text(f"#!/bin/sh\nexec {shlex.join(faultsrv.command('ok'))}\n")
    file.chmod(0o755)


async def failures(play: Scene, name: str, code: str) -> tuple[float, float]:
    """How often a server's connection ended with this code, and how often it was tried again."""
    metrics = await play.metrics()
    return (
        metric(metrics, "mcpproxy_actor_failures_total", server=name, error_type=code),
        metric(metrics, "mcpproxy_actor_retries_total", server=name),
    )


async def started_pid(record: Path) -> int:
    """The pid that the fault server wrote into its ``--log`` when it was last started."""
    left = await eventually(lambda: [] if record.exists() else ["it was never started"])
    assert left == []
    return int(record.read_text().split("start ")[-1].split()[0])


async def test_f01_a_command_that_is_not_found_is_tried_once_and_named(
    scene: SceneMaker, tmp_path: Path
) -> None:
    """The command and where was searched are told; once it is there, a restart is all it takes."""
    searched = tmp_path / "programs"
    searched.mkdir()
    lost = {"command": "lost-program", "env": {"PATH": str(searched)}}
    async with scene({"victim": lost}) as play:
        server = await play.shows(
            "victim", "failed", code="SPAWN_ENOENT", action="configure", retry_at=None, pid=None
        )
        assert "The command 'lost-program' was not found" in server["fault"]["message"]
        assert str(searched) in server["fault"]["detail"]
        assert await failures(play, "victim", "SPAWN_ENOENT") == (1, 0)
        write_program(searched / "lost-program")
        await play.running.post("/api/v1/servers/victim/restart")
        await play.recovers("victim")


async def test_f02_a_file_that_cannot_be_run_is_told_from_one_that_may_not(
    scene: SceneMaker, tmp_path: Path
) -> None:
    """No permission, no interpreter, no program at all: each tried once, named, and mendable."""
    contents = {
        "plain": (b"#!/bin/sh\n", 0o644, "SPAWN_EACCES", "chmod +x"),
        "nope": (b"#!/nope\n", 0o755, "SPAWN_ENOEXEC", "first line (#!)"),
        "bytes": (random.Random(7).randbytes(512), 0o755, "SPAWN_ENOEXEC", "architecture"),
    }
    for name, (content, mode, _, _) in contents.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    async with scene({name: {"command": str(tmp_path / name)} for name in contents}) as play:
        for name, (_, _, code, words) in contents.items():
            server = await play.shows(name, "failed", code=code, action="configure", retry_at=None)
            assert repr(str(tmp_path / name)) in server["fault"]["message"]
            assert words in server["fault"]["message"]
            assert await failures(play, name, code) == (1, 0)
        for name in contents:
            write_program(tmp_path / name)
            await play.running.post(f"/api/v1/servers/{name}/restart")
            await play.recovers(name)


@pytest.mark.parametrize("code", [1, 0], ids=["f03_exit_1", "f04_exit_0"])
async def test_f03_f04_a_server_that_exits_at_once_is_tried_again_with_its_last_words(
    scene: SceneMaker, code: int
) -> None:
    """Whatever its exit code says, it failed: a wait with an end, and 20 lines of evidence."""
    lines = [f"line {number}" for number in range(1, 31)]
    async with scene({"victim": entry("exit", str(code), "\n".join(lines))}) as play:
        server = await play.shows("victim", "backoff", code="EXIT_EARLY", action="view_logs")
        assert server["retry_at"] is not None
        message = server["fault"]["message"]
        assert f"Exited before it was ready (exit code {code}): line 30" in message
        assert server["fault"]["detail"].splitlines() == lines[10:]
        await play.until(lambda world: world["servers"]["victim"]["attempt"] == 2)
        play.configure({"victim": entry()})
        await play.recovers("victim")


async def test_f06_a_server_that_never_answers_is_ended_and_can_be_stopped_meanwhile(
    scene: SceneMaker, tmp_path: Path
) -> None:
    """At its limit its process is ended; one that has long to go is stopped within a second."""
    brief, patient = tmp_path / "brief", tmp_path / "patient"
    servers = {
        "brief": entry("--log", str(brief), "mute", init_timeout="1s"),
        "patient": entry("--log", str(patient), "mute", init_timeout="60s"),
    }
    async with scene(servers) as play:
        server = await play.shows("brief", "backoff", code="HANDSHAKE_TIMEOUT", action="view_logs")
        assert "did not answer in 1 s" in server["fault"]["message"]
        assert not alive(await started_pid(brief))
        waiting = await started_pid(patient)
        assert alive(waiting)
        assert play.server("patient")["status"] == "connecting"
        began = time.monotonic()
        await play.running.post("/api/v1/servers/patient/disable?wait=disabled")
        assert time.monotonic() - began < within(1.0)
        assert not alive(waiting)
        play.configure({"brief": entry(), "patient": entry()})
        await asyncio.gather(play.recovers("brief"), play.recovers("patient"))


REFUSED = {
    "error": "no database",
    "refuses-version": "1999-01-01",
    "unknown-version": "'1999-01-01'; known are 2024-11-05",
    "no-version": "protocolVersion",
    "number-version": "protocolVersion",
    "text-capabilities": "capabilities",
    "null-result": "malformed",
    "list-result": "malformed",
    "text-error": "no database",
    "both": "could not be read",
    "neither": "could not be read",
}
"""Answers to ``initialize`` (see ``faultsrv``), and what the fault's words say of each."""


async def test_f07_answers_to_the_hand_shake_that_are_none_are_told_with_what_was_said(
    scene: SceneMaker,
) -> None:
    """Each is tried once and quoted; an answer to somebody else is none, so its time runs out."""
    servers = {name: entry("handshake", name) for name in REFUSED}
    servers["wrong-id"] = entry("handshake", "wrong-id", init_timeout="1s")
    async with scene(servers) as play:
        for name, words in REFUSED.items():
            server = await play.shows(
                name, "failed", code="HANDSHAKE_INVALID", action="view_logs", retry_at=None
            )
            assert server["fault"]["message"].startswith("Did not answer as an MCP server: ")
            assert words in server["fault"]["message"]
        await play.shows("wrong-id", "backoff", code="HANDSHAKE_TIMEOUT", action="view_logs")
        metrics = await play.metrics()
        for name in REFUSED:
            assert metric(metrics, "mcpproxy_actor_retries_total", server=name) == 0
        play.configure({"error": entry()})
        await play.recovers("error")

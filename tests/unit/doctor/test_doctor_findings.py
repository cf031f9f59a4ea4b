"""What the doctor makes of what it sees, without a machine that has each illness."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from core.config.jsonc import parse
from core.doctor import servers, surroundings
from core.doctor.log_errors import MOST, newest_errors
from core.doctor.outline import outline, secrets_around, secrets_in
from core.model.config import EnvironmentPolicy, Http, ServerConfig, ServerName, Setting, Stdio
from core.model.faults import Action, FaultCode
from core.model.findings import Finding, Gravity
from core.model.status import Phase
from core.upstream.values import Values
from tests.fakes.tray_engine import status

UNLIMITED = -1
POLICY = EnvironmentPolicy()


def entry(command: str, *, enabled: bool = True, working_dir: str | None = None) -> ServerConfig:
    transport = Stdio(command=command, working_dir=working_dir)
    return ServerConfig(name=ServerName("git"), transport=transport, enabled=enabled)


def startable(config: ServerConfig, path: str) -> Finding:
    return servers.startable(config, POLICY, Values({}), path)


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (0, Gravity.ERROR),
        (surroundings.NO_SPACE - 1, Gravity.ERROR),
        (surroundings.NO_SPACE, Gravity.WARNING),
        (surroundings.LITTLE_SPACE - 1, Gravity.WARNING),
        (surroundings.LITTLE_SPACE, Gravity.OK),
    ],
)
def test_room(free: int, level: Gravity) -> None:
    """A full disk is an error, little room a warning, and each says what to do."""
    finding = surroundings.room("data", Path("/data"), free)
    assert finding.level is level
    assert bool(finding.fix) is finding.is_wrong


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "Mount it"), (errno.EACCES, "Make /data yours")],
)
def test_why_a_directory_cannot_be_written(number: int, words: str) -> None:
    """Each reason has its own remedy."""
    error = OSError(number, os.strerror(number))
    finding = surroundings.not_writable("data", Path("/data/x"), Path("/data"), error)
    assert finding.level is Gravity.ERROR
    assert words in f"{finding.what} {finding.fix}"


@pytest.mark.parametrize(
    ("soft", "hard", "count", "level", "words"),
    [
        (1024, 4096, 10, Gravity.OK, "1024"),
        (UNLIMITED, UNLIMITED, 1000, Gravity.OK, "Any number"),
        (1024, 1_000_000, 200, Gravity.WARNING, "ulimit -n 1328"),
        (1024, 1024, 200, Gravity.WARNING, "administrator"),
        (188, 188, 10, Gravity.OK, "188"),
        (187, 188, 10, Gravity.WARNING, "ulimit -n 188"),
    ],
)
def test_descriptor_limit(soft: int, hard: int, count: int, level: Gravity, words: str) -> None:
    """The limit is judged by how many servers there are."""
    finding = surroundings.descriptor_limit(soft, hard, count, UNLIMITED)
    assert finding.level is level
    assert words in f"{finding.what} {finding.fix}"


def test_directories_are_tried_and_left_as_they_were(tmp_path: Path) -> None:
    """Also one that does not exist yet is judged, by where it would be made."""
    (fine,) = surroundings.directory("data", tmp_path / "not" / "yet")
    assert fine.level is Gravity.OK
    assert list(tmp_path.iterdir()) == []
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (finding,) = surroundings.directory("data", open_to_all)
    assert (finding.level, finding.fix) == (Gravity.ERROR, f"chmod 700 {open_to_all}")
    (in_the_way,) = surroundings.directory("logs", Path("/dev/null/logs"))
    assert in_the_way.level is Gravity.ERROR


def test_newest_errors_in_both_formats() -> None:
    """Errors only, the newest, oldest first; a line that is neither format is no error."""
    lines = [
        "2026-11-23T12:00:00.000Z ERROR core.engine first",
        "2026-11-23T12:00:01.000Z INFO core.engine an ERROR in words only",
        "    Traceback ERROR",
        json.dumps({"time": "t", "level": "info", "logger": "core", "message": "fine"}),
        json.dumps({"time": "t", "level": "error", "logger": "core", "message": "second"}),
        '{"level": "error"',
        *(f"2026-11-23T12:00:0{number}.000Z CRITICAL core {number}" for number in range(2, 4)),
    ]
    found = newest_errors(lines)
    assert found == ["t ERROR core second", *lines[-2:]]
    assert len(found) == MOST
    assert newest_errors([]) == []


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_of_a_running_server_is_judged(phase: Phase) -> None:
    """In the engine's words; only what is wrong counts, and that has something to do."""
    at = status("git", phase)
    finding = servers.running(at)
    assert at.health.summary in finding.what
    assert finding.why == at.health.detail
    assert finding.code == (at.fault.code if at.fault is not None else None)
    assert finding.is_wrong is (phase in {Phase.BACKOFF, Phase.FAILED, Phase.AUTH_REQUIRED})


@pytest.mark.parametrize("action", Action)
def test_every_action_has_words(action: Action) -> None:
    """Whatever a person is asked to do, the doctor says how."""
    assert bool(servers.next_step(action, ServerName("git"))) is (action is not Action.NONE)


def test_servers_are_judged_as_their_start_would(tmp_path: Path) -> None:
    """Found, missing, not executable, wrong directory, missing value, disabled, by URL."""
    program = tmp_path / "prog"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = startable(entry("prog"), str(tmp_path))
    assert found.level is Gravity.OK
    assert str(program) in found.why
    assert startable(entry("nope"), str(tmp_path)).code is FaultCode.SPAWN_ENOENT
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    plain = startable(entry(str(tmp_path / "plain")), "")
    assert plain.code is FaultCode.SPAWN_EACCES
    lost = entry("prog", working_dir=str(tmp_path / "gone"))
    assert startable(lost, str(tmp_path)).code is FaultCode.WORKING_DIR
    secret = startable(entry("${env:NOPE}"), str(tmp_path))
    assert secret.code is FaultCode.MISSING_SECRET
    assert startable(entry("nope", enabled=False), "").level is Gravity.OK
    remote = ServerConfig(name=ServerName("web"), transport=Http(url="https://example.com/mcp"))
    assert startable(remote, "").level is Gravity.OK


CONFIG = """{
  // a comment with c0mment-secret
  "listen": "127.0.0.1:8080", "api_key": "k3y-secret", "odd": {"client_secret": "cl13nt"},
  "tools_limit": 15, "pin": 123456789, "flag": true,
  "mcpServers": {
    "git": {
      "command": "/home/ada/bin/npx", "enabled": true, "init_timeout": "60s",
      "args": ["-y", "--api-key", "4rg-secret", "${env:TOKEN}", "--x=y"],
      "env": {"A": "3nv-secret"}
    },
    "web": {"url": "https://u:p4ss@host/path?x=qu3ry", "headers": {"Auth": "h34der"}}
  },
  "name": "a name with spaces, so no name"
}"""


def test_the_outline_shows_the_shape_and_what_is_harmless() -> None:
    """Keys, switches, options and references stay; every other value is masked."""
    assert outline(parse(CONFIG)) == {
        "listen": "127.0.0.1:8080",
        "api_key": "***",
        "odd": {"client_secret": "***"},
        "tools_limit": 15,
        "pin": "***",
        "flag": True,
        "mcpServers": {
            "git": {
                "command": "npx",
                "enabled": True,
                "init_timeout": "60s",
                "args": ["-y", "--api-key", "***", "${env:TOKEN}", "***"],
                "env": {"A": "***"},
            },
            "web": {"url": "***", "headers": {"Auth": "***"}},
        },
        "name": "***",
    }


def test_what_the_outline_masks_is_known_as_secret() -> None:
    """With the values that are referred to, and variables named like secrets."""
    environ = {"TOKEN": "t0ken-value", "GH_TOKEN": "gh-value", "EDITOR": "vi"}
    hidden = {*secrets_in(parse(CONFIG), environ), *secrets_around(environ)}
    assert hidden == {
        *("k3y-secret", "cl13nt", "123456789", "4rg-secret", "--x=y", "3nv-secret", "h34der"),
        *("https://u:p4ss@host/path?x=qu3ry", "a name with spaces, so no name"),
        *("t0ken-value", "gh-value"),
    }


def test_settings_never_show_their_values_in_a_finding() -> None:
    """Not even the one that is wrong."""
    transport = Stdio(command="nope", env=(Setting("KEY", "planted-secret"),))
    finding = startable(ServerConfig(name=ServerName("git"), transport=transport), "/bin")
    assert "planted-secret" not in repr(finding)

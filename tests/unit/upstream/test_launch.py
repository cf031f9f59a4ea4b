"""From an entry to the exact command line, or to the fault that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model.config import EnvironmentPolicy, Setting, Stdio
from core.model.faults import Fault, FaultCode
from core.upstream.launch import Launch, prepare
from core.upstream.values import Values


def prepared(transport: Stdio, path: str = "/usr/bin:/bin", **environ: str) -> Launch:
    launch = prepare(transport, EnvironmentPolicy(), Values(environ), path)
    assert isinstance(launch, Launch), launch
    return launch


def refused(transport: Stdio, path: str = "/usr/bin:/bin") -> Fault:
    fault = prepare(transport, EnvironmentPolicy(), Values({}), path)
    assert isinstance(fault, Fault), fault
    return fault


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "bin" / "server"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_a_name_is_found_on_the_childs_path(program: Path) -> None:
    """Not on ours; an entry that sets PATH itself is found there."""
    found = prepared(Stdio(command="server"), str(program.parent))
    assert found.argv == (str(program),)
    own = Stdio(command="server", env=(Setting("PATH", str(program.parent)),))
    assert prepared(own).argv == (str(program),)
    assert refused(Stdio(command="server")).code is FaultCode.SPAWN_ENOENT


@pytest.mark.parametrize("command", ["bin/server", "./bin/server", "bin/../bin/server"])
def test_a_relative_path_is_taken_from_the_working_directory(program: Path, command: str) -> None:
    """As a shell there would."""
    home = str(program.parents[1])
    (found,) = prepared(Stdio(command=command, working_dir=home)).argv
    assert Path(found).samefile(program)
    assert Path(found).is_absolute()


def test_home_is_understood(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` in the command and in the working directory, also together."""
    monkeypatch.setenv("HOME", str(program.parents[1]))
    launch = prepared(Stdio(command="~/bin/server", working_dir="~/bin"))
    assert launch.argv == (str(program),)
    assert launch.working_dir == str(program.parent)


def test_references_are_resolved_everywhere(program: Path) -> None:
    """In command, arguments, environment and working directory."""
    directory = str(program.parent)
    launch = prepared(
        Stdio(
            command="${env:D}/server",
            args=("--token", "${env:T}", "$(rm -rf /); `x`"),
            env=(Setting("B", "<${env:T}>"),),
            working_dir="${env:D}",
        ),
        D=directory,
        T="t0ken-t0ken",
    )
    assert launch.argv == (str(program), "--token", "t0ken-t0ken", "$(rm -rf /); `x`")
    assert launch.env["B"] == "<t0ken-t0ken>"
    assert launch.working_dir == directory
    assert "t0ken-t0ken" in launch.secrets


def test_what_is_secret_is_not_in_the_representation() -> None:
    """Neither environment nor secrets are shown by accident."""
    launch = prepared(Stdio(command="sh", env=(Setting("API_KEY", "s3cret-v4lue"),)))
    assert "s3cret" not in repr(launch)
    assert "s3cret" not in repr(launch.marked("x"))


def test_files_that_cannot_be_started(program: Path) -> None:
    """Missing, not executable, a directory, and no directory to work in: each its own code."""
    program.chmod(0o644)
    assert refused(Stdio(command=str(program))).code is FaultCode.SPAWN_EACCES
    assert refused(Stdio(command=str(program.parent))).code is FaultCode.SPAWN_EACCES
    assert refused(Stdio(command=f"{program}x")).code is FaultCode.SPAWN_ENOENT
    file = Stdio(command="sh", working_dir=str(program))
    assert refused(file).code is FaultCode.WORKING_DIR

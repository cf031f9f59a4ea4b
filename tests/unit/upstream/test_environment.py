"""What a child gets to see, what must not be shown, and where programs are looked for."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import EnvironmentPolicy, Setting, Stdio
from core.upstream.environment import (
    SAFE,
    SearchPath,
    child_environment,
    merged,
    redacted,
    secrets_of,
)
from core.upstream.values import Values

ENVIRON = {"HOME": "/home/me", "LC_ALL": "C", "TOKEN": "tok-123456", "SHORT": "abc", "EDITOR": "vi"}
VALUES = Values(ENVIRON, {"github": "gh-value", "HOME": "kept/home"})
NAMES = st.sampled_from([*sorted(SAFE), "LC_TIME", "TOKEN", "LD_PRELOAD", "MCPPROXY_API_KEY", "X"])


def environment(policy: EnvironmentPolicy, *env: Setting) -> dict[str, str]:
    return child_environment(Stdio(command="x", env=env), policy, VALUES, "/bin")


@given(st.dictionaries(NAMES, st.text(max_size=5)))
def test_only_the_allow_list_is_inherited(ours: dict[str, str]) -> None:
    """Whatever we have, a child gets the safe names, locale settings and PATH, and no more."""
    child = child_environment(Stdio(command="x"), EnvironmentPolicy(), Values(ours), "/p")
    assert child.pop("PATH") == "/p"
    allowed = {name for name in ours if name in SAFE or name.startswith("LC_")} - {"PATH"}
    assert child == {name: ours[name] for name in allowed}


def test_a_person_decides_what_more_is_inherited() -> None:
    """Names can be allowed, all others shut out, and later sources win."""
    policy = EnvironmentPolicy(
        inherit_system_safe=False,
        allowed_system_vars=("EDITOR", "NOT_SET"),
        custom_vars=(Setting("A", "all"), Setting("B", "all")),
    )
    assert environment(policy, Setting("B", "own <${env:SHORT}>")) == {
        "EDITOR": "vi",
        "PATH": "/bin",
        "A": "all",
        "B": "own <abc>",
    }
    assert environment(policy, Setting("PATH", "/mine"))["PATH"] == "/mine"


@pytest.mark.parametrize(
    ("settings", "words", "secrets"),
    [
        ([Setting("API_KEY", "abcdef")], [], ("abcdef",)),
        ([Setting("password", "hunter22")], [], ("hunter22",)),
        ([Setting("API_KEY", "abc")], [], ()),  # too short: it would blot out words
        ([Setting("COLOUR", "greenish")], [], ()),
        ([Setting("URL", "x://${env:TOKEN}@h")], [], ("x://tok-123456@h", "tok-123456")),
        ([Setting("WHERE", "${env:HOME}/data")], [], ()),  # what every program sees
        ([], ["--key=${env:TOKEN}", "--dir=${env:HOME}"], ("tok-123456",)),
        ([Setting("WHO", "me:${keyring:github}")], [], ("me:gh-value", "gh-value")),
        ([], ["${keyring:HOME}"], ("kept/home",)),  # called so, but no variable
    ],
)
def test_what_counts_as_secret(
    settings: list[Setting], words: list[str], secrets: tuple[str, ...]
) -> None:
    """Values named like secrets, and those referred to; the longest first."""
    assert secrets_of(settings, words, VALUES) == secrets


def test_longer_secrets_are_blotted_out_before_their_parts() -> None:
    """Nothing of a secret that contains another stays."""
    secrets = secrets_of([Setting("URL", "x://${env:TOKEN}@h")], [], VALUES)
    assert redacted("to x://tok-123456@h with tok-123456", secrets) == "to *** with ***"


@given(st.lists(st.lists(st.sampled_from(["/a", "/b", "/c d", ""]), max_size=4), max_size=4))
def test_search_paths_are_merged_in_order(paths: list[list[str]]) -> None:
    """Each directory once, where it came first; empty entries (the current directory) never."""
    entries = merged(*map(os.pathsep.join, paths)).split(os.pathsep)
    flat = [entry for path in paths for entry in path if entry]
    assert [entry for entry in entries if entry] == list(dict.fromkeys(flat))


def _shell(tmp_path: Path, script: str) -> dict[str, str]:
    shell = tmp_path / "shell"
    shell.write_text(f"#!/bin/sh\n{script}\n")
    shell.chmod(0o755)
    return {"PATH": "/usr/bin:/bin", "SHELL": str(shell)}


OWN = str(Path(sys.executable).parent)


async def test_the_login_shell_is_asked_once(tmp_path: Path) -> None:
    """Its PATH comes after ours and before our own place; noise around it does not matter."""
    count = tmp_path / "count"
    script = f'echo x >> {count}; echo "Welcome!"; PATH=/from/shell:/bin; eval "$2"; echo bye'
    path = SearchPath(_shell(tmp_path, script))
    found = await asyncio.gather(*(path.get() for _ in range(5)))
    assert set(found) == {f"/usr/bin:/bin:/from/shell:{OWN}"}
    assert count.read_text() == "x\n"


@pytest.mark.parametrize("script", ["exit 1", "echo nothing of use"])
async def test_a_shell_that_does_not_tell(tmp_path: Path, script: str) -> None:
    """Then there is our own PATH."""
    assert await SearchPath(_shell(tmp_path, script)).get() == f"/usr/bin:/bin:{OWN}"


async def test_no_shell_or_one_that_is_not_there() -> None:
    """Neither is an error."""
    for environ in ({"PATH": "/bin"}, {"PATH": "/bin", "SHELL": "/no/such/shell"}):
        assert await SearchPath(environ).get() == f"/bin:{OWN}"


async def test_a_shell_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """After the limit it is given up, its PATH used if it told it, and nothing of it is left."""
    pid = tmp_path / "pid"
    script = f'eval "$2"; sleep 100 & echo $! > {pid}; wait'
    environ = {**_shell(tmp_path, script), "PATH": "/usr/bin:/bin:/told"}
    path = await SearchPath(environ, limit=0.5).get()
    assert path == f"/usr/bin:/bin:/told:{OWN}"
    assert not psutil.pid_exists(int(pid.read_text())) or (
        psutil.Process(int(pid.read_text())).status() == psutil.STATUS_ZOMBIE
    )

"""The script that sets everything up: what it installs for which verb, and how it says no."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dev


def _dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(dev.ROOT / "dev.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_each_part_includes_the_parts_before_it() -> None:
    """What 'run' installs is the start of what 'test' installs, and so on."""
    run, test, check = (set(dev.requirements(part).split("\n")) for part in dev.PARTS)
    assert run < test < check


def test_running_the_program_installs_no_test_tool() -> None:
    """The first command stays quick: it brings in neither pytest nor the SDK nor a linter."""
    names = {line.split("==")[0] for line in dev.requirements("run").splitlines()}
    assert "httptools" in names
    assert names & {"pytest", "mcp", "pydantic", "uvicorn", "ruff", "mypy"} == set()


def test_digest_changes_with_what_is_installed() -> None:
    """Another list means another digest, however the texts are cut."""
    assert dev.digest("a", "b") == dev.digest("a", "b")
    assert len({dev.digest("a", "b"), dev.digest("ab"), dev.digest("a"), dev.digest()}) == 4


def test_old_interpreter_is_refused_in_words() -> None:
    """A Python that is too old is named, with what to do."""
    with pytest.raises(dev.SetupProblem, match=r"Python 3\.10\.4 is too old; 3\.11 or newer"):
        dev.check_interpreter((3, 10, 4))
    dev.check_interpreter((3, 11, 0))


@pytest.mark.parametrize("arguments", [[], ["frobnicate"]])
def test_without_a_known_verb_the_verbs_are_listed(arguments: list[str]) -> None:
    """No verb, or one that does not exist, lists the verbs on stderr and exits 2."""
    done = _dev(*arguments)
    assert done.returncode == 2
    assert all(f"\n  {verb} " in done.stderr for verb in dev.VERBS)


def test_help_is_an_answer_and_no_error() -> None:
    """Asking for help prints the verbs on stdout and exits 0."""
    done = _dev("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n  {verb} " in done.stdout for verb in dev.VERBS)

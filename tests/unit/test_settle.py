"""The second chance of failed tests: who gets it, what it changes, and that nothing is hidden."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.settle import AT_MOST

ROOT = Path(__file__).resolve().parents[2]

CONFTEST = """
from tests import settle

def pytest_addoption(parser):
    settle.add_option(parser)

def pytest_configure(config):
    settle.register(config)
"""

# Fails until its own second run, which finds the mark that the first has left.
UNSTEADY = """
def test_unsteady_{name}():
    mark = pathlib.Path("{name}.mark")
    before = mark.exists()
    mark.touch()
    assert before, "the first time it fails"
"""

UNSTEADY_END = """
@pytest.fixture
def ends_badly():
    yield
    mark = pathlib.Path("end.mark")
    before = mark.exists()
    mark.touch()
    assert before, "the first time it fails"

def test_whose_end_is_unsteady(ends_badly):
    pass
"""


def _run(place: Path, tests: str, *more: str) -> tuple[int, list[str]]:
    """A run of pytest over these tests; its exit code and lines."""
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "conftest.py").write_text(CONFTEST)
    (place / "test_these.py").write_text(f"import pathlib\nimport pytest\n{tests}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *more],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    return done.returncode, done.stdout.splitlines()


def test_what_passes_alone_counts_as_passed_and_is_named(tmp_path: Path) -> None:
    """Unsteady tests end the run well; each is named with its first failure, and all are counted.

    One fails in its body and one after it.
    """
    tests = UNSTEADY.format(name="body") + UNSTEADY_END
    status, lines = _run(tmp_path, tests + "\ndef test_steady():\n    pass\n", "--settle")
    text = "\n".join(lines)
    assert status == 0, text
    assert "UNSTEADY test_these.py::test_unsteady_body" in lines
    assert "UNSTEADY test_these.py::test_whose_end_is_unsteady" in lines
    assert text.count("AssertionError: the first time it fails") == 2
    assert " 3 passed in " in lines[-1]
    assert "failed" not in lines[-1]
    assert "error" not in lines[-1]


def test_what_fails_twice_has_failed(tmp_path: Path) -> None:
    """A test that fails alone too fails the run, beside an unsteady one that does not."""
    tests = UNSTEADY.format(name="body") + "\ndef test_broken():\n    assert 1 == 2\n"
    status, lines = _run(tmp_path, tests, "--settle")
    assert status == 1
    assert "UNSTEADY test_these.py::test_unsteady_body" in lines
    assert "UNSTEADY test_these.py::test_broken" not in lines
    assert any(line.startswith("FAILED test_these.py::test_broken") for line in lines)
    assert " 1 failed, 1 passed in " in lines[-1]


@pytest.mark.parametrize("more", [[], ["--settle"]])
def test_many_failures_and_other_runs_get_no_second_chance(tmp_path: Path, more: list[str]) -> None:
    """Without the option, or with too many failures, nothing is run again."""
    count = AT_MOST + 1 if more else 1
    tests = "".join(UNSTEADY.format(name=f"n{number}") for number in range(count))
    status, lines = _run(tmp_path, tests, *more)
    assert status == 1
    assert "UNSTEADY" not in "\n".join(lines)
    assert f" {count} failed in " in lines[-1]

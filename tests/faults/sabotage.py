"""Breaks the program on purpose, to see the tests notice: ``python -m tests.faults.sabotage``.

Each sabotage is done to a copy of the tree. The tests it names must pass on the copy as it is
and fail on the copy that was broken; a sabotage that no longer fits the code is an error.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.program import ROOT

COPIED = ("core", "tray_app", "tests", "typings", "assets", "pyproject.toml")
LIMIT = 300.0  # seconds for one run of the named tests
ROUNDS = "tests/faults/test_long_runs.py::test_no_ending_leaves_a_process_or_ends_a_stranger"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One line of one file made wrong, and the tests of which each has to fail then."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


SABOTAGES = (
    Sabotage(
        name="children get no session of their own",
        file="core/upstream/child.py",
        right="start_new_session=True",
        wrong="start_new_session=False",
        tests=(
            "tests/system/upstream/test_upstream_start.py::test_a_child_leads_a_session_of_its_own",
        ),
    ),
    Sabotage(
        name="ids are not rewritten: all requests carry the same one",
        file="core/upstream/multiplexer.py",
        right="        self._next_id += 1\n",
        wrong="",
        tests=(
            "tests/system/test_many_clients.py"
            "::test_ten_thousand_calls_with_colliding_ids_each_get_their_own_answer",
            "tests/system/upstream/test_upstream_wire.py"
            "::test_the_servers_share_of_requests_is_kept",
        ),
    ),
    Sabotage(
        name="any Host header will do",
        file="core/web/guard.py",
        right="        if host not in address.hosts and (host is None or "
        "host.lower() not in address.hosts):\n            return NOT_HERE\n",
        wrong="",
        tests=(
            "tests/unit/web/test_web_guard.py::test_other_hosts_are_refused",
            "tests/system/web/test_web_hostile.py::test_no_route_answers_to_another_host",
            "tests/system/test_bad_input.py::test_a_wrong_key_or_host_gets_nothing",
        ),
    ),
    Sabotage(
        name="news of an earlier connection is taken for news of this one",
        file="core/lifecycle/machine.py",
        right="isinstance(event, Observed) and event.epoch != model.epoch",
        wrong="False",
        tests=(
            "tests/unit/lifecycle/test_machine.py::test_everywhere",
            "tests/engine/test_actor.py::test_reports_of_an_earlier_connection_change_nothing",
        ),
    ),
    Sabotage(
        name="what left its group is found and not ended",
        file="core/upstream/ownership.py",
        right="                process.kill()\n",
        wrong="",
        tests=(ROUNDS,),
    ),
    Sabotage(
        name="the reaper is not told of groups that have ended",
        file="core/upstream/reaper.py",
        right='        self._tell(f"- {group}")\n',
        wrong="",
        tests=(ROUNDS,),
    ),
)


class NoLongerFits(Exception):
    """The code that a sabotage changes is not there, or there more than once."""


def copy_tree(to: Path) -> None:
    """A copy of the tree as it lies here, without what running it leaves."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, to / name)


def apply(sabotage: Sabotage, tree: Path) -> None:
    """Do it. Raises NoLongerFits."""
    file = tree / sabotage.file
    text = file.read_text()
    if (found := text.count(sabotage.right)) != 1:
        raise NoLongerFits(f"{sabotage.file} has the code to change {found} times, not once")
    file.write_text(text.replace(sabotage.right, sabotage.wrong))


def undetected(tree: Path, tests: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the tests that pass in the tree; each runs by itself."""
    return tuple(test for test in tests if _passes(tree, test))


def _passes(tree: Path, test: str) -> bool:
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test)
    ran = subprocess.run(
        command,
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        check=False,
    )
    if ran.returncode not in {0, 1}:  # not run at all: a name that is no test's
        raise NoLongerFits(f"{test}: {ran.stdout.decode(errors='replace')[-500:]}")
    return ran.returncode == 0


def judge(sabotage: Sabotage) -> list[str]:
    """What is wrong with how this sabotage was met, in words."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        copy_tree(tree)
        passing = undetected(tree, sabotage.tests)
        if missing := sorted(set(sabotage.tests) - set(passing)):
            return [f"fails even without it: {test}" for test in missing]
        try:
            apply(sabotage, tree)
        except NoLongerFits as error:
            return [str(error)]
        return [f"does not notice: {test}" for test in undetected(tree, sabotage.tests)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="sabotage", description=__doc__)
    parser.add_argument("words", nargs="*", help="only those whose name has one of these words")
    asked = parser.parse_args()
    chosen = [
        sabotage
        for sabotage in SABOTAGES
        if not asked.words or any(word in sabotage.name for word in asked.words)
    ]
    noticed = 0
    for sabotage in chosen:
        wrong = judge(sabotage)
        noticed += not wrong
        verdict = "; ".join(wrong) or f"noticed by all {len(sabotage.tests)} tests named"
        sys.stdout.write(f"{sabotage.name}: {verdict}\n")
        sys.stdout.flush()
    sys.stdout.write(f"sabotages noticed: {noticed}/{len(chosen)}\n")
    return 0 if chosen and noticed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

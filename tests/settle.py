"""Under ``--settle`` a few failed tests get a second chance, each alone, and are named for it.

Only ``.ci/run`` asks for it; decision record 16 says why. A test that passes alone counts as
passed, and as unsteady: a defect of the test or of the product, listed with its first failure.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator

import pytest

AT_MOST = 5
"""More failures than this are no matter of chance, and stay what they are."""


def add_option(parser: pytest.Parser) -> None:
    parser.addoption(
        "--settle",
        action="store_true",
        help=f"run up to {AT_MOST} failed tests again, each alone, and list those that pass then",
    )


def register(config: pytest.Config) -> None:
    """Take part in a run that asks for it."""
    if config.getoption("--settle"):
        config.pluginmanager.register(Settle(config), "settle")


class Settle:
    """What failed in this run, and what of it was unsteady."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._unsteady: dict[str, pytest.TestReport] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the failed again, once all the others are done and the machine is calm."""
        done = yield
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if not isinstance(reporter, pytest.TerminalReporter):
            return done
        stats = reporter.stats
        failed = [
            report
            for kind in ("failed", "error")
            for report in stats.get(kind, [])
            if isinstance(report, pytest.TestReport)
        ]
        names = list(dict.fromkeys(report.nodeid for report in failed))
        if not 0 < len(names) <= AT_MOST:
            return done
        reporter.ensure_newline()
        for name in names:
            passed = self._passes_alone(name)
            reporter.write_line(f"again, alone: {name}: {'passed' if passed else 'failed'}")
            if passed:
                self._unsteady[name] = next(one for one in failed if one.nodeid == name)
        for kind in ("failed", "error"):
            kept = [one for one in stats.get(kind, []) if one.nodeid not in self._unsteady]
            session.testsfailed -= len(stats.pop(kind, [])) - len(kept)
            if kept:
                stats[kind] = kept
        counted = {report.nodeid for report in stats.get("passed", [])}
        stats.setdefault("passed", []).extend(
            report for name, report in self._unsteady.items() if name not in counted
        )
        return done

    def _passes_alone(self, name: str) -> bool:
        """Whether a test passes in a process of its own, in which nothing else ran before."""
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
        if self._config.getoption("--no-skips", default=False):
            command.append("--no-skips")
        done = subprocess.run(
            [*command, name],
            cwd=self._config.rootpath,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return done.returncode == 0

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was unsteady, and show how it failed first."""
        if not self._unsteady:
            return
        terminalreporter.section("unsteady: failed, and passed when run again alone")
        for name, report in self._unsteady.items():
            terminalreporter.write_sep("_", f"{name} ({report.when})")
            report.toterminal(terminalreporter._tw)
        for name in self._unsteady:
            terminalreporter.write_line(f"UNSTEADY {name}")

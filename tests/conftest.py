"""What every test gets: a loop that nobody may block, reproducible examples, a search for leaks."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Generator, Iterator

import blockbuster.blockbuster
import pytest
from hypothesis import settings

from tests import settle
from tests.leaks import Traces, adopt_orphans

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A lock that is free in microseconds is no blocking call, and whether two threads meet at it is
# chance: a check that fires by luck would be worse than none.
NOT_BLOCKING = ("threading.Lock.acquire", "threading.Lock.acquire_lock")

# Hypothesis traces what runs, and looks at files from within our frames while it does.
HYPOTHESIS_LOOKING_ON = ("hypothesis/internal/scrutineer.py", "trace")

_blocked: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="a test that cannot run here counts as failed"
    )
    settle.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    settle.register(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under ``--no-skips`` a skipped test has failed: where all is installed, all must run."""
    report = yield
    if item.config.getoption("--no-skips") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"{why} (and --no-skips allows no test to be skipped)"
    return report


class BlockedTheLoop(blockbuster.BlockingError):
    """Raised in our code when it blocks an event loop; remembered, so nobody can swallow it."""

    def __init__(self, function: str) -> None:
        super().__init__(function)
        _blocked.append(f"{self}\n{''.join(traceback.format_stack(limit=14)[:-2])}")


@pytest.fixture(scope="session", autouse=True)
def watch_the_loops(pytestconfig: pytest.Config) -> Iterator[None]:
    """Watch calls that block, made by our code on any running loop of any thread."""
    # pytest writes every log record to a file, the null device unless asked, from within our
    # frames; that our own logging never writes on a loop is still watched.
    pytests_own = pytestconfig.pluginmanager.get_plugin("logging-plugin")
    if pytests_own is not None and pytests_own.log_file_handler.baseFilename == os.devnull:
        pytests_own.log_file_handler.setLevel(sys.maxsize)
    guard = blockbuster.BlockBuster(["core", "tray_app"])
    for name in NOT_BLOCKING:
        del guard.functions[name]
    for function in guard.functions.values():
        function.can_block_in(*HYPOTHESIS_LOOKING_ON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockbuster.blockbuster, "BlockingError", BlockedTheLoop)
        guard.activate()
        yield
        guard.deactivate()


@pytest.fixture(autouse=True)
def never_block_the_loop(watch_the_loops: None) -> Iterator[None]:
    """Fail a test during which our code made a blocking call on an event loop."""
    _blocked.clear()
    yield
    if _blocked:
        pytest.fail("our code blocked an event loop:\n" + "\n".join(_blocked), pytrace=False)


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail a test that leaves a thread, a process or a file descriptor behind.

    Name it before the fixtures that start things, so that they are gone when it looks. Until
    then orphaned grandchildren become children of the tests' process; once ended they are
    zombies, so ask `tests.leaks.alive` and not whether the pid exists.
    """
    adopt_orphans(True)
    before = Traces.now()
    yield
    await asyncio.get_running_loop().shutdown_default_executor()
    left = before.left_since()
    adopt_orphans(False)
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)

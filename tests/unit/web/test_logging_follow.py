"""Following a server's log, and log levels that change while the program runs."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.model.config import Logging
from core.telemetry.levels import UnknownLogger
from core.telemetry.logging import Logs, start_logging

LIMIT = 10.0
log = logging.getLogger("core.gateway.test")


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    logs = start_logging(tmp_path, Logging(max_size=200, max_backups=2))
    yield logs
    logs.close()


def words(lines: list[str]) -> list[str]:
    return [line.split(" ", 1)[1] for line in lines]


def test_a_follower_gets_every_line_once_across_rotations(logs: Logs) -> None:
    """The last lines, then each later one: none lost and none twice, though files are renamed."""
    write = logs.server_log("one")
    for number in range(20):
        write(f"line {number}")
    heard: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    follower = logs.follow("one", 3, 10_000, heard.put)
    for number in range(20, 60):
        write(f"line {number}")
    seen: list[str] = []
    while len(seen) < 43:
        seen += words(heard.get(timeout=LIMIT))
    assert seen == [f"line {number}" for number in range(17, 60)]
    assert (logs.directory / "server-one.log.2").exists()
    logs.leave(follower)
    other: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    write("later")
    logs.follow("one", 1, 10_000, other.put)
    assert words(other.get(timeout=LIMIT)) == ["later"]
    assert heard.empty()


def test_another_server_s_lines_are_not_heard(logs: Logs) -> None:
    """A follower of one log hears that log only; a log nobody wrote begins empty."""
    heard: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    logs.follow("one", 10, 10_000, heard.put)
    assert heard.get(timeout=LIMIT) == []
    logs.server_log("two")("not for you")
    logs.server_log("one")("for you")
    assert words(heard.get(timeout=LIMIT)) == ["for you"]


def test_a_level_is_changed_for_a_part_of_the_program(logs: Logs) -> None:
    """For one logger and all below it, and back; the rest says no more than before."""
    core = logging.getLogger("core")
    assert not log.isEnabledFor(logging.DEBUG)
    logs.levels.change("debug", "core.gateway.test")
    assert log.isEnabledFor(logging.DEBUG)
    assert not core.isEnabledFor(logging.DEBUG)
    assert logs.levels.changed == {"core.gateway.test": "debug"}
    logs.levels.change(None, "core.gateway.test")
    assert not log.isEnabledFor(logging.DEBUG)
    assert not logs.levels.changed


def test_a_level_for_everything_is_undone_by_the_file_only_if_it_changes(logs: Logs) -> None:
    """Another setting of the file leaves what a person set; another level there replaces it."""
    settings = Logging(max_size=200, max_backups=2)
    logs.levels.change("error", None)
    logs.configure(replace(settings, max_backups=3))
    assert not log.isEnabledFor(logging.WARNING)
    logs.configure(replace(settings, level="debug"))
    assert log.isEnabledFor(logging.DEBUG)
    assert not logs.levels.changed


def test_unknown_levels_and_loggers_change_nothing(logs: Logs) -> None:
    """A typing error is said, and no logger comes into being by it."""
    with pytest.raises(KeyError):
        logs.levels.change("loud", None)
    with pytest.raises(UnknownLogger):
        logs.levels.change("debug", "core.gatewya")
    assert not logs.levels.changed
    assert "core.gatewya" not in logging.root.manager.loggerDict

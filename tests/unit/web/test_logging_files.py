"""Log files: rotated by size, private, and never in a caller's way."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import Logging
from core.telemetry import logging as program_logging
from core.telemetry.logfile import append, rotated, tail
from core.telemetry.logging import Logs, fields, start_logging

log = logging.getLogger("core.test")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Logs]]:
    """Logs put in here are closed at the end."""
    all_logs: list[Logs] = []
    yield all_logs
    for each in all_logs:
        each.close()


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


# --- the file -------------------------------------------------------------------------------------


def test_rotation_keeps_the_newest_and_loses_the_oldest(tmp_path: Path) -> None:
    """A full file becomes .1, .1 becomes .2, and what would be beyond the last is gone."""
    path = tmp_path / "main.log"
    for number in range(10):
        append(path, [b"%d...\n" % number], max_size=10, max_backups=2)
    # Two lines of five bytes fill a file.
    assert path.read_text() == "8...\n9...\n"
    assert rotated(path, 1).read_text() == "6...\n7...\n"
    assert rotated(path, 2).read_text() == "4...\n5...\n"
    assert not rotated(path, 3).exists()


def test_without_backups_the_file_starts_over(tmp_path: Path) -> None:
    """max_backups 0 keeps one file and no more."""
    path = tmp_path / "main.log"
    append(path, [b"aaaa\n", b"bbbb\n", b"cccc\n"], max_size=5, max_backups=0)
    assert path.read_text() == "cccc\n"
    assert list(tmp_path.iterdir()) == [path]


@given(
    lines=st.lists(st.integers(0, 30), max_size=60),
    batch=st.integers(1, 7),
    size=st.integers(-1, 80),
    backups=st.integers(0, 4),
)
def test_files_hold_the_newest_lines_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[int],
    batch: int,
    size: int,
    backups: int,
) -> None:
    """However lines come in batches, the files read oldest to newest end with all newest lines,
    none torn, and none exceeds the size by more than its last line."""
    path = tmp_path_factory.mktemp("logs") / "x.log"
    written = [b"%03d%s\n" % (number, b"." * length) for number, length in enumerate(lines)]
    for start in range(0, len(written), batch):
        append(path, written[start : start + batch], size, backups)
    files = [rotated(path, number) for number in range(backups, 0, -1)] + [path]
    contents = [file.read_bytes() for file in files if file.exists()]
    kept = b"".join(contents)
    assert b"".join(written).endswith(kept)
    assert len(contents) <= backups + 1
    for content in contents:
        before_last = content[: content.rstrip(b"\n").rfind(b"\n") + 1]
        assert not before_last or len(before_last) < max(size, 1)


def test_files_and_their_directory_are_private(tmp_path: Path) -> None:
    """0600 in 0700, whatever the umask; the parents made on the way are ordinary."""
    path = tmp_path / "new" / "logs" / "main.log"
    before = os.umask(0)
    try:
        append(path, [b"x\n"], 100, 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    """S20: nobody can make us append to a file of their choice."""
    victim = tmp_path / "victim"
    victim.write_text("")
    link = tmp_path / "main.log"
    link.symlink_to(victim)
    with pytest.raises(OSError, match=r".*"):
        append(link, [b"x\n"], 100, 1)
    assert victim.read_text() == ""


def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    """Cleaning up a log directory while we run loses nothing that comes later."""
    path = tmp_path / "logs" / "x.log"
    append(path, [b"1\n"], 100, 1)
    path.unlink()
    path.parent.rmdir()
    append(path, [b"2\n"], 100, 1)
    assert path.read_text() == "2\n"


def test_tail(tmp_path: Path) -> None:
    """The last lines, reaching back into the file before; bounded in bytes; empty if absent."""
    path = tmp_path / "x.log"
    assert tail(path, 5, 1000) == []
    append(path, [b"%d\n" % number for number in range(6)], max_size=8, max_backups=3)
    assert path.read_text() == "4\n5\n"
    assert tail(path, 1, 1000) == ["5"]
    assert tail(path, 2, 1000) == ["4", "5"]
    assert tail(path, 4, 1000) == ["2", "3", "4", "5"]
    assert tail(path, 100, 1000) == ["0", "1", "2", "3", "4", "5"]
    assert tail(path, 100, 3) == ["3", "5"]  # a line cut by the bound is left out
    path.write_bytes(b"no end \xff")
    assert tail(path, 1, 1000) == ["no end \ufffd"]


# --- the program's logs ---------------------------------------------------------------------------


def test_records_and_server_lines_reach_their_files(tmp_path: Path, started: list[Logs]) -> None:
    """Closing writes all that was logged before, each into its own file."""
    logs = start_logging(tmp_path / "l", Logging())
    started.append(logs)
    write = logs.server_log("git")
    log.info("server ready", extra=fields(server="git", attempt=1))
    log.debug("not at this level")
    write("\x1b[31mfirst line")
    write("second line")
    logs.close()
    assert "INFO core.test server ready server=git attempt=1\n" in text_of(tmp_path / "l/main.log")
    assert "not at this level" not in text_of(tmp_path / "l/main.log")
    lines = text_of(logs.server_log_path("git")).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["\\x1b[31mfirst line", "second line"]
    assert logs.server_log_path("git") == tmp_path / "l" / "server-git.log"
    assert logs.dropped == 0


def test_a_server_that_says_nothing_has_no_file(tmp_path: Path, started: list[Logs]) -> None:
    """Files are made by the first line."""
    logs = start_logging(tmp_path, Logging())
    started.append(logs)
    logs.server_log("quiet")
    logs.close()
    assert not logs.server_log_path("quiet").exists()


def test_level_format_and_sizes_can_change_while_running(
    tmp_path: Path, started: list[Logs]
) -> None:
    """An edited configuration counts from the next line on."""
    logs = start_logging(tmp_path, Logging(level="warning"))
    started.append(logs)
    log.info("too quiet")
    logs.configure(Logging(level="debug", json_format=True))
    log.debug("now heard", extra=fields(n=1))
    logs.close()
    [line] = text_of(tmp_path / "main.log").splitlines()
    assert json.loads(line)["message"] == "now heard"


def test_libraries_speak_from_warning_upwards(tmp_path: Path, started: list[Logs]) -> None:
    """Their chatter does not drown ours, at whatever level ours is."""
    logs = start_logging(tmp_path, Logging(level="debug"))
    started.append(logs)
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("matters")
    logs.close()
    assert "chatter" not in text_of(tmp_path / "main.log")
    assert "matters" in text_of(tmp_path / "main.log")


def test_the_console_gets_the_same_lines_as_text(tmp_path: Path, started: list[Logs]) -> None:
    """For serve: readable even when the file is JSON, and without the servers' stderr."""
    console = io.StringIO()
    logs = start_logging(tmp_path, Logging(json_format=True), console)
    started.append(logs)
    log.warning("look\x1b[2J", extra=fields(a="b c"))
    logs.server_log("git")("noise")
    logs.close()
    assert console.getvalue().split(" ", 1)[1] == 'WARNING core.test look\\x1b[2J a="b c"\n'


def test_a_closed_console_does_not_stop_the_files(tmp_path: Path, started: list[Logs]) -> None:
    """A terminal that went away costs only itself."""
    console = io.StringIO()
    console.close()
    logs = start_logging(tmp_path, Logging(), console)
    started.append(logs)
    log.info("one")
    log.info("two")
    logs.close()
    assert len(text_of(tmp_path / "main.log").splitlines()) == 2


def test_a_traceback_reaches_the_file(tmp_path: Path, started: list[Logs]) -> None:
    """Formatted by the writing thread, after the handler of the error has long gone on."""
    logs = start_logging(tmp_path, Logging())
    started.append(logs)
    try:
        raise RuntimeError("deep")
    except RuntimeError:
        log.exception("it broke")
    logs.close()
    assert "    RuntimeError: deep" in text_of(tmp_path / "main.log").splitlines()


def test_what_is_logged_is_what_it_was_then(tmp_path: Path, started: list[Logs]) -> None:
    """Values that change after the call do not change the line."""
    logs = start_logging(tmp_path, Logging())
    started.append(logs)
    names = ["a"]
    log.info("now", extra=fields(names=names))
    log.info("and %s", names)
    names.append("b")
    logs.close()
    assert "b" not in text_of(tmp_path / "main.log").replace("core.test", "")


class Console(io.StringIO):
    """A console one can wait at: what is shown there has left the queue."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def write(self, text: str) -> int:
        with self._changed:
            self._changed.notify_all()
            return super().write(text)

    def until(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.getvalue(), timeout=10)


def test_a_directory_that_cannot_be_used_costs_only_the_logs(
    tmp_path: Path, started: list[Logs]
) -> None:
    """Nothing is raised; every lost line is counted; a person is told once, and again only
    after it had worked in between."""
    directory = tmp_path / "file"
    directory.write_text("in the way")
    console = Console()
    logs = start_logging(directory, Logging(), console)
    started.append(logs)
    log.info("one")
    console.until("main.log cannot be written")
    log.info("two")
    console.until("two")
    logs.server_log("git")("three")
    console.until("server-git.log cannot be written")
    assert logs.dropped == 3
    assert console.getvalue().count("main.log cannot be written") == 1
    directory.unlink()
    log.info("four")
    logs.close()
    assert logs.dropped == 3
    assert "four" in text_of(directory / "main.log")


def test_the_bound_is_on_what_waits_not_on_what_was(tmp_path: Path, started: list[Logs]) -> None:
    """A talkative server that is kept up with loses nothing, however much it says."""
    console = Console()
    logs = start_logging(tmp_path, Logging(), console)
    started.append(logs)
    write = logs.server_log("chatty")
    for turn in range(3):
        for number in range(program_logging.MOST_PENDING):
            write(f"line {turn} {number}")
        log.info("turn %d over", turn)
        console.until(f"turn {turn} over")
    logs.close()
    assert logs.dropped == 0
    lines = text_of(logs.server_log_path("chatty")).splitlines()
    assert len(lines) == 3 * program_logging.MOST_PENDING


def test_a_flood_is_bounded_and_counted(tmp_path: Path, started: list[Logs]) -> None:
    """A server that floods while the disk is stuck fills its own share and no more."""
    gate = threading.Event()

    class StuckConsole(io.StringIO):
        def write(self, text: str) -> int:
            assert gate.wait(10)
            return super().write(text)

    logs = start_logging(tmp_path, Logging(), StuckConsole())
    started.append(logs)
    log.info("the writing thread stops at this line")
    write = logs.server_log("noisy")
    for number in range(program_logging.MOST_PENDING + 100):
        write(f"line {number}")
    log.info("others still get in")
    dropped = logs.dropped
    gate.set()
    logs.close()
    assert dropped == 100
    lines = text_of(logs.server_log_path("noisy")).splitlines()
    assert len(lines) == program_logging.MOST_PENDING
    assert "others still get in" in text_of(tmp_path / "main.log")


def test_after_closing_lines_go_nowhere(tmp_path: Path, started: list[Logs]) -> None:
    """A late line is no error, and closing twice is closing once."""
    logs = start_logging(tmp_path, Logging())
    write = logs.server_log("git")
    logs.close()
    write("late")
    log.error("late")
    logs.close()
    assert text_of(tmp_path / "main.log") == ""


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    """The config reader names the levels; a wrong one here is a bug that shows at once."""
    with pytest.raises(KeyError):
        start_logging(tmp_path, Logging(level="loud"))


def test_many_threads_lose_nothing(tmp_path: Path, started: list[Logs]) -> None:
    """Records of all threads arrive, each as its own line."""
    logs = start_logging(tmp_path, Logging())
    started.append(logs)

    def talk(who: int) -> None:
        for number in range(200):
            log.info("said", extra=fields(who=who, number=number))

    threads = [threading.Thread(target=talk, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logs.close()
    lines = text_of(tmp_path / "main.log").splitlines()
    assert logs.dropped == 0
    assert len({line.split(" ", 1)[1] for line in lines}) == len(lines) == 1600

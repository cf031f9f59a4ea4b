"""Logs to files and, for ``serve``, to stderr; no caller ever waits for a disk.

How to log: ``log = logging.getLogger(__name__)``, a constant message, and the facts as fields::

    log.info("server ready", extra=fields(server=name, attempt=3))

One thread writes everything. Callers only put into a queue; what the queue or the disk cannot
take is dropped and counted. An idle program causes no wake-up. Nothing goes to stdout.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from core.model.config import Logging
from core.telemetry.levels import Levels
from core.telemetry.logfile import append, tail
from core.telemetry.logline import json_line, stamp, text_line, visible

MAIN_LOG = "main.log"
MOST_PENDING = 4096  # records, and per server lines, that may wait for the writing thread
MOST_AT_ONCE = 512  # queue entries written per turn, so that a flood does not gather in memory
CLOSE_TIME = 2.0  # seconds to write what is left at the end


def fields(**values: object) -> dict[str, dict[str, object]]:
    """The ``extra`` of a log call: facts by name, shown as ``key=value`` or as JSON members."""
    return {"fields": values}


def server_log_name(slug: str) -> str:
    return f"server-{slug}.log"


@dataclass(slots=True)
class Backlog:
    """How much of one source waits; each number has one writing thread, so no lock is needed."""

    file: str
    put: int = 0
    taken: int = 0
    refused: int = 0

    def admit(self) -> bool:
        if self.put - self.taken >= MOST_PENDING:
            self.refused += 1
            return False
        self.put += 1
        return True


Deliver = Callable[[list[str]], None]
"""Takes lines of a log; called on the writing thread, and must not wait."""


@dataclass(frozen=True, slots=True, eq=False)
class Follower:
    """Somebody who wants the last ``count`` lines of one file, and then every later one."""

    file: str
    count: int
    most_bytes: int
    deliver: Deliver


@dataclass(frozen=True, slots=True)
class _Leaving:
    follower: Follower


_Entry = tuple[Backlog, float, logging.LogRecord | str] | Follower | _Leaving


class Logs:
    """The program's logs; no method raises on account of a disk.

    Any thread may call, but what ``server_log`` returns only one at a time.
    """

    def __init__(self, directory: Path, settings: Logging, console: TextIO | None) -> None:
        self.directory = directory
        self._settings = settings
        self._console = console
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._backlogs: dict[str, Backlog] = {}
        self._followers: list[Follower] = []  # the writing thread's
        self.levels = Levels(settings.level)
        self._lost = 0  # lines the disk did not take; counted by the writing thread
        self._reported: set[str] = set()
        self._handler = _Enqueue(self._offer, self._backlog(MAIN_LOG))
        self._thread = threading.Thread(target=self._write_all, name="logs", daemon=True)

    @property
    def dropped(self) -> int:
        """Lines lost so far."""
        return self._lost + sum(each.refused for each in list(self._backlogs.values()))

    def server_log(self, slug: str) -> Callable[[str], None]:
        """Where one server's stderr goes, line by line."""
        backlog = self._backlog(server_log_name(slug))

        def write(line: str) -> None:
            self._offer(backlog, datetime.now(UTC).timestamp(), line)

        return write

    def server_log_path(self, slug: str) -> Path:
        """The newest file of a server's log; it exists once something was written."""
        return self.directory / server_log_name(slug)

    def follow(self, slug: str, count: int, most_bytes: int, deliver: Deliver) -> Follower:
        """Deliver the last ``count`` lines of a server's log, then every later one as written.

        Between the two nothing is lost or told twice, and a rotation changes nothing.
        """
        follower = Follower(server_log_name(slug), count, most_bytes, deliver)
        self._queue.put(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """End what ``follow`` began."""
        self._queue.put(_Leaving(follower))

    def configure(self, settings: Logging) -> None:
        """Follow a changed configuration. Raises KeyError for a level not in ``LEVELS``."""
        if settings != self._settings:
            self._settings = settings
            self.levels.configure(settings.level)

    def start(self) -> None:
        self.levels.configure(self._settings.level)
        logging.getLogger().addHandler(self._handler)
        self._thread.start()

    def close(self) -> None:
        """Write what is left, for at most ``CLOSE_TIME``; later lines go nowhere."""
        logging.getLogger().removeHandler(self._handler)
        self.levels.close()
        self._queue.put(None)
        self._thread.join(CLOSE_TIME)

    def _backlog(self, file: str) -> Backlog:
        return self._backlogs.setdefault(file, Backlog(file))

    def _offer(self, backlog: Backlog, at: float, what: logging.LogRecord | str) -> None:
        if backlog.admit():
            self._queue.put((backlog, at, what))

    def _write_all(self) -> None:
        open_ended = True
        while open_ended:
            batch, open_ended = _drain(self._queue)
            pages: dict[str, list[bytes]] = {}
            for entry in batch:
                if isinstance(entry, tuple):
                    backlog, at, what = entry
                    backlog.taken += 1
                    pages.setdefault(backlog.file, []).append(self._line(at, what))
                else:
                    # Whoever begins to follow reads what is in the file: no line may lie between.
                    self._write(pages)
                    self._meet(entry)
            self._write(pages)

    def _write(self, pages: dict[str, list[bytes]]) -> None:
        for file, lines in pages.items():
            self._append(file, lines)
            for follower in self._followers:
                if follower.file == file:
                    follower.deliver([line.decode().removesuffix("\n") for line in lines])
        pages.clear()

    def _meet(self, entry: Follower | _Leaving) -> None:
        if isinstance(entry, _Leaving):
            if entry.follower in self._followers:
                self._followers.remove(entry.follower)
            return
        try:
            lines = tail(self.directory / entry.file, entry.count, entry.most_bytes)
        except OSError as error:
            lines = [f"[earlier lines cannot be read: {error.strerror or error}]"]
        entry.deliver(lines)
        self._followers.append(entry)

    def _line(self, at: float, what: logging.LogRecord | str) -> bytes:
        if isinstance(what, str):
            return _encoded(f"{stamp(at)} {visible(what)}\n")
        text = text_line(what)
        self._show(text)
        return _encoded(json_line(what) if self._settings.json_format else text)

    def _append(self, file: str, lines: list[bytes]) -> None:
        settings = self._settings
        path = self.directory / file
        try:
            append(path, lines, settings.max_size, settings.max_backups)
        except OSError as error:
            self._lost += len(lines)
            if file not in self._reported:
                self._reported.add(file)
                why = error.strerror or str(error)
                self._show(f"{path} cannot be written: {why}. Its lines are lost until it can.\n")
        else:
            self._reported.discard(file)

    def _show(self, text: str) -> None:
        if self._console is not None:
            try:
                self._console.write(text)
                self._console.flush()
            except (OSError, ValueError):  # the terminal is gone, or the stream closed
                self._console = None


def _encoded(line: str) -> bytes:
    # A lone surrogate has no UTF-8, and must not cost the line.
    return line.encode(errors="backslashreplace")


def _drain(
    source: queue.SimpleQueue[_Entry | None],
) -> tuple[list[_Entry], bool]:
    """Wait for one entry, then take what else is there; False once the end was put in."""
    entries: list[_Entry] = []
    entry = source.get()
    while entry is not None:
        entries.append(entry)
        if len(entries) >= MOST_AT_ONCE:
            return entries, True
        try:
            entry = source.get_nowait()
        except queue.Empty:
            return entries, True
    return entries, False


class _Enqueue(logging.Handler):
    """Hands records over; ``logging`` holds the handler's lock, so one thread counts at a time."""

    def __init__(
        self, offer: Callable[[Backlog, float, logging.LogRecord | str], None], backlog: Backlog
    ) -> None:
        super().__init__()
        self._offer = offer
        self._backlog = backlog

    def emit(self, record: logging.LogRecord) -> None:
        # What the record holds may change after this call returns, so it becomes text now.
        # Tracebacks are formatted by the writing thread, because that reads source files.
        try:
            record.message = record.getMessage()
        except (TypeError, ValueError):
            self.handleError(record)
            return
        facts = getattr(record, "fields", None)
        if isinstance(facts, dict):
            record.fields = {key: _plain(value) for key, value in facts.items()}
        self._offer(self._backlog, record.created, record)


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def start_logging(directory: Path, settings: Logging, console: TextIO | None = None) -> Logs:
    """Send all logging to ``directory`` (made if absent, for the user only) and ``console``.

    Raises KeyError for an unknown level, and nothing else: a directory that cannot be used
    costs the logs, is said once on the console, and is counted in ``dropped``.
    """
    logs = Logs(directory, settings, console)
    logs.start()
    return logs

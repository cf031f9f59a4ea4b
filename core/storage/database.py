"""The one thread that touches the database, and the way to give it work.

Nobody on the event loop waits for the disk: work is a function of a connection, done in order;
its result comes back to the loop. What is broken is said in one sentence, ``trouble``.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from core.errors import StorageFailed
from core.storage.damage import Damaged, NotBegun
from core.telemetry.counters import Counters

if TYPE_CHECKING:
    import sqlite3

    from core.storage.file import Opened

T = TypeVar("T")
Work = Callable[["sqlite3.Connection"], T]

MOST_WAITING = 4096  # pieces of work; beyond, new ones are refused
RETRY_AFTER = 5.0  # seconds until a file that could not be opened is tried again

log = logging.getLogger(__name__)


class _Job(Generic[T]):
    __slots__ = ("future", "operation", "work", "writes")

    def __init__(self, operation: str, work: Work[T], writes: bool, future: asyncio.Future[T]):
        self.operation = operation
        self.work = work
        self.writes = writes
        self.future = future


class Database:
    """One SQLite file. All methods belong to the event loop's thread.

    ``told`` is called with a sentence whenever what is wrong with it changes (empty: nothing),
    ``lost`` with another once a damaged file was put aside.
    """

    def __init__(
        self,
        path: Path,
        counters: Counters,
        told: Callable[[str], object],
        lost: Callable[[str], object],
    ) -> None:
        self.path = path
        self.trouble = ""
        self._counters = counters
        self._told = told
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._closing = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        # A daemon: a disk that never answers must not keep the program from ending.
        threading.Thread(target=self._run, name="storage", daemon=True).start()

    def do(self, operation: str, work: Work[T], *, writes: bool) -> asyncio.Future[T]:
        """Have something done; the future holds its result or StorageFailed.

        ``operation`` is its name among the metrics. Work that writes is one transaction.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        if self._closing or self._waiting >= MOST_WAITING:
            future.set_exception(
                StorageFailed("The database is closing, or too much waits for it.")
            )
            return future
        self._waiting += 1
        self._jobs.put(_Job(operation, work, writes, future))
        return future

    async def close(self, limit: float) -> None:
        """Do what was given so far and close the file, within ``limit`` seconds."""
        self._closing = True
        self._jobs.put(None)
        await asyncio.wait([self._ended], timeout=limit)

    # --- on the loop --------------------------------------------------------------------------

    def _done(self, job: _Job[Any], result: object, error: StorageFailed | None) -> None:
        self._waiting -= 1
        self._counters.storage_operations.inc(job.operation, "error" if error else "success")
        if job.future.done():
            return
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble:
                log.warning("storage", extra={"fields": {"what": trouble}})
            self._told(trouble)

    # --- on the storage thread ----------------------------------------------------------------

    def _run(self) -> None:
        worker = _Worker(self.path, self._from_thread_say, lambda why: self._call(self._lost, why))
        try:
            while (job := self._jobs.get()) is not None:
                try:
                    result, error = worker.perform(job.work, job.writes), None
                except StorageFailed as failure:
                    result, error = None, failure
                self._call(self._done, job, result, error)
        finally:
            worker.close()
            self._call(self._end)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _from_thread_say(self, trouble: str) -> None:
        self._call(self._say, trouble)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


class _Worker:
    """The connection, opened when first needed and again after what went wrong."""

    def __init__(self, path: Path, say: Callable[[str], None], lost: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._lost = lost
        self._opened: Opened | None = None

    def perform(self, work: Work[T], writes: bool) -> T:
        """Raises StorageFailed."""
        import sqlite3

        try:
            opened = self._open()
            if writes and opened.newer:
                raise StorageFailed(_newer(self._path, opened.newer))
            result = _in_transaction(opened.connection, work) if writes else work(opened.connection)
        except NotBegun as error:
            failed = self._failed(error.reason)
            failed.nothing_kept = True
            raise failed from error
        except (sqlite3.Error, Damaged, OSError) as error:
            raise self._failed(error) from error
        if opened.newer:
            self._say(_newer(self._path, opened.newer))
        elif writes:
            self._say("")
        return result

    def _open(self) -> Opened:
        from core.storage.file import open_file

        if self._opened is None:
            self._opened = open_file(self._path)
            if self._opened.lost is not None:
                self._report_loss(self._opened.lost)
        return self._opened

    def _failed(self, error: Exception) -> StorageFailed:
        from core.storage import file

        if file.is_damage(error):
            self.close()
            try:
                self._report_loss(file.put_aside(self._path))
            except OSError as other:
                error = other
        sentence = _sentence(self._path, error)
        if not file.is_damage(error):
            self._say(sentence)
        return StorageFailed(sentence)

    def _report_loss(self, where: Path) -> None:
        log.error("the database was damaged", extra={"fields": {"kept as": str(where)}})
        self._lost(
            f"{self._path} was damaged. It is kept as {where.name}, and a new one was begun: what "
            "you had approved has to be approved again."
        )

    def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.connection.close()


def _in_transaction(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _newer(path: Path, version: int) -> str:
    return (
        f"{path} was written by a later version of MCP Proxy Tray (its version {version}). It is "
        "only read, so nothing can be approved. Install that version, or put the file aside."
    )


def _sentence(path: Path, error: Exception) -> str:
    import sqlite3

    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        why, fix = "another program has it locked", "Close that program."
    elif code == sqlite3.SQLITE_FULL:
        why, fix = "the disk is full", "Free some space."
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        why, fix = f"it may not be written ({error})", "Make it and its directory yours."
    elif isinstance(error, OSError):
        why, fix = error.strerror or str(error), "Make it and its directory writable."
    else:
        why, fix = str(error), "See main.log."
    return f"{path} cannot be used: {why}. New approvals and history are not saved. {fix}"

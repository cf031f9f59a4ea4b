"""Opening the database file: its mode, its version, and what is done when it is damaged.

Everything here runs on the storage thread, which is the only one that imports sqlite3.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from core.storage.damage import Damaged, NotBegun
from core.storage.migrations import STEPS, VERSION

PATIENCE = 5.0  # seconds to wait for another process that has the file locked
CACHE_KIB = 1024

SIDES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file; ``lost`` is where a damaged one was put, if it was."""

    connection: sqlite3.Connection
    lost: Path | None = None
    newer: int = 0  # the file's version, when a later version of the program wrote it


def open_file(path: Path) -> Opened:
    """Open, check and bring up to date; a damaged file is put aside, never deleted.

    Raises sqlite3.Error, OSError or NotBegun when it cannot be used now.
    """
    try:
        return _open(path)
    except (Damaged, sqlite3.DatabaseError) as error:
        if not is_damage(error):
            raise
        lost = put_aside(path)
        opened = _open(path)
        return Opened(opened.connection, lost)


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken, and not only out of reach for now."""
    if isinstance(error, Damaged):
        return True
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


_NO_ROOM = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
)


def _code(error: Exception) -> int:
    """The library's primary result code; 0 for what is not the library's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def put_aside(path: Path) -> Path:
    """Rename the file, with what belongs to it; returns its new name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = path.with_name(f"{path.name}.corrupt-{stamp}-{os.getpid()}")
    for side in SIDES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(target.with_name(target.name + side))
    return target


def _open(path: Path) -> Opened:
    if not path.exists():
        _begin(path)
    elif os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    try:
        return _connect(path, alone=False)
    except sqlite3.OperationalError as error:
        if _code(error) not in _NO_ROOM:
            raise
        return _connect(path, alone=True)


def _connect(path: Path, *, alone: bool) -> Opened:
    """``alone``: lock others out, which needs no file beside the database's own.

    So what is known can be read where there is not a byte of space left.
    """
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    with ExitStack() as unless_opened:
        unless_opened.callback(connection.close)
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        version = _version(connection)
        if version > VERSION:
            unless_opened.pop_all()
            return Opened(connection, newer=version)
        if version == 0:
            raise Damaged("a file that was begun has a version")
        _check(connection)
        # FULL: an approval that was confirmed must outlive a power cut.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if version < VERSION:
            _keep_copy(connection, path, version)
            _migrate(connection, version)
        unless_opened.pop_all()
    return Opened(connection)


def _begin(path: Path) -> None:
    """Make a new file under another name first, so that the one of this name is always whole.

    Only its owner can read it, from its first moment. Raises NotBegun.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        _remove(draft)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            _migrate(connection, 0)
        draft.replace(path)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            _remove(draft)
        raise NotBegun(error) from error


def _remove(path: Path) -> None:
    for side in (*SIDES, "-journal"):
        path.with_name(path.name + side).unlink(missing_ok=True)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(found)


def _keep_copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Before what is there is changed."""
    backup = path.with_name(f"{path.name}.bak-{version}")
    os.close(os.open(backup, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(backup)) as copy:
        connection.backup(copy)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Step by step, each whole or not at all."""
    for number, step in enumerate(STEPS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{step};PRAGMA user_version = {number};COMMIT;")

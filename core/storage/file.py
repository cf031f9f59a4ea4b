"""Opening the database file: its mode, its version, and what is done when it is damaged.

Everything here runs on the storage thread, which is the only one that imports sqlite3.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from core.storage.migrations import STEPS, VERSION

PATIENCE = 5.0  # seconds to wait for another process that has the file locked
CACHE_KIB = 1024

SIDES = ("", "-wal", "-shm")


class Damaged(Exception):
    """What the file holds is no database, or not all of one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file; ``lost`` is where a damaged one was put, if it was."""

    connection: sqlite3.Connection
    lost: Path | None = None
    newer: int = 0  # the file's version, when a later version of the program wrote it


def open_file(path: Path) -> Opened:
    """Open, check and bring up to date; a damaged file is put aside, never deleted.

    Raises sqlite3.Error or OSError when it cannot be used now.
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
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def put_aside(path: Path) -> Path:
    """Rename the file, with what belongs to it; returns its new name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = path.with_name(f"{path.name}.corrupt-{stamp}-{os.getpid()}")
    for side in SIDES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(target.with_name(target.name + side))
    return target


def _open(path: Path) -> Opened:
    _create(path)
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        version = _version(connection)
        if version > VERSION:
            return Opened(connection, newer=version)
        if version:
            _check(connection)
        # FULL: an approval that was confirmed must outlive a power cut.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if version < VERSION:
            _migrate(connection, path, version)
    except BaseException:
        connection.close()
        raise
    return Opened(connection)


def _create(path: Path) -> None:
    """A file that only its owner reads, from its first moment."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(found)


def _migrate(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Step by step, each whole or not at all; what was there is copied first."""
    if version:
        backup = path.with_name(f"{path.name}.bak-{version}")
        os.close(os.open(backup, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(backup)) as copy:
            connection.backup(copy)
    for number, step in enumerate(STEPS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{step};PRAGMA user_version = {number};COMMIT;")

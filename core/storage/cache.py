"""Answers that were cut, kept whole for a while under a key."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from core.errors import StorageFailed
from core.storage.database import Database

if TYPE_CHECKING:
    import sqlite3

MOST_IN_MEMORY = 8 * 1024 * 1024  # bytes of the newest answers, which need no disk
MOST_KEPT = 256 * 1024 * 1024  # bytes in the file; the oldest go first


class AnswerCache:
    """Implements ``core.ports.Cache``; on the event loop only.

    ``put`` returns once the answer can be found again: in memory at once, and kept in the file.
    When the file cannot be written the answer lives as long as the program and the room in
    memory allow.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        expires = time.time() + ttl
        self._remember(key, expires, data)
        kept = self._database.do("cache_put", lambda db: _put(db, key, expires, data), writes=True)
        kept.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def get(self, key: str) -> bytes | None:
        now = time.time()
        recent = self._recent.get(key)
        if recent is not None:
            return recent[1] if recent[0] > now else None
        try:
            return await self._database.do("cache_get", lambda db: _get(db, key, now), writes=False)
        except StorageFailed:
            return None

    def _remember(self, key: str, expires: float, data: bytes) -> None:
        _, before = self._recent.pop(key, (0.0, b""))
        self._recent[key] = expires, data
        self._size += len(data) - len(before)
        while self._size > MOST_IN_MEMORY and len(self._recent) > 1:
            _, (_, old) = self._recent.popitem(last=False)
            self._size -= len(old)


def _put(connection: sqlite3.Connection, key: str, expires: float, data: bytes) -> None:
    connection.execute("DELETE FROM cache WHERE expires <= ?", (time.time(),))
    connection.execute("INSERT OR REPLACE INTO cache VALUES (?, ?, ?)", (key, expires, data))
    size = connection.execute("SELECT sum(length(data)) FROM cache").fetchone()[0]
    while size > MOST_KEPT:
        first = connection.execute(
            "SELECT key, length(data) FROM cache ORDER BY expires LIMIT 1"
        ).fetchone()
        connection.execute("DELETE FROM cache WHERE key = ?", (first[0],))
        size -= first[1]


def _get(connection: sqlite3.Connection, key: str, now: float) -> bytes | None:
    found = connection.execute(
        "SELECT data FROM cache WHERE key = ? AND expires > ?", (key, now)
    ).fetchone()
    return bytes(found[0]) if found is not None else None

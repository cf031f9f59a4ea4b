"""What agents did: taken down in batches, kept for a while, read page by page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.model.activity import CallRecord, KeptCall, Usage, Wanted
from core.storage.database import Database

if TYPE_CHECKING:
    import sqlite3

PACE = 1.0  # seconds from the first call of a batch to its writing
AFTER_FAILURE = 5.0
MOST_A_BATCH = 200  # calls kept one by one; what is beyond is only counted
MOST_WAITING = 5_000  # calls, while the database cannot be written
TIDY_EVERY = 600.0  # seconds between two looks at age and size, while there are calls
ENDED_WELL = "success"


_Row = tuple[float, str, str, str, float, int]  # when, server, tool, outcome, took, size
_Used = tuple[int, int, float]  # calls, errors, when last
_NEVER: _Used = (0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much: days, bytes of the whole file."""

    days: int = 90
    size: int = 256 * 1024 * 1024


class Activity:
    """Implements ``core.ports.Journal``; on the event loop only. Nobody waits for it.

    How often each tool is used is counted in full. Of a flood of calls only so many are kept one
    by one: writing each down would cost more than the call.
    """

    def __init__(self, database: Database, retention: Callable[[], Retention]) -> None:
        self.lost = 0  # calls that were counted, and not kept one by one
        self._database = database
        self._retention = retention
        self._waiting: list[_Row] = []
        self._used: dict[tuple[str, str], _Used] = {}
        self._room = MOST_A_BATCH
        self._timer: asyncio.TimerHandle | None = None
        self._tidied = 0.0

    def record(self, server: str, tool: str, outcome: str, took: float, size: int) -> None:
        now = time.time()
        calls, errors, _ = self._used.get((server, tool), _NEVER)
        self._used[server, tool] = (calls + 1, errors + (outcome != ENDED_WELL), now)
        if self._room:
            self._room -= 1
            self._waiting.append((now, server, tool, outcome, took, size))
        else:
            self.lost += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PACE, self.flush)

    def flush(self) -> None:
        """Give what waits to the database now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        used, self._used = self._used, {}
        if not used:
            return
        self._room = MOST_A_BATCH
        retention = self._due()
        writing = self._database.do(
            "activity", lambda db: _write(db, batch, used, retention), writes=True
        )

        def written(done: asyncio.Future[None]) -> None:
            if not done.cancelled() and done.exception() is not None:
                self._take_back(batch, used)

        writing.add_done_callback(written)

    def _take_back(self, batch: list[_Row], used: dict[tuple[str, str], _Used]) -> None:
        """Keep what could not be written, as far as there is room, and try again."""
        kept = [*batch, *self._waiting]
        self.lost += len(kept[MOST_WAITING:])
        self._waiting = kept[:MOST_WAITING]
        for key, (calls, errors, last) in used.items():
            more = self._used.get(key, _NEVER)
            self._used[key] = (calls + more[0], errors + more[1], max(last, more[2]))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AFTER_FAILURE, self.flush)

    async def calls(self, wanted: Wanted) -> Sequence[KeptCall]:
        """Raises StorageFailed."""
        self.flush()
        return await self._database.do("read", lambda db: _calls(db, wanted), writes=False)

    async def usage(self) -> Sequence[Usage]:
        """By tool, most used first. Raises StorageFailed."""
        self.flush()
        return await self._database.do("read", _usage, writes=False)

    def close(self) -> None:
        """Write what waits; nothing is tried again from now on."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> Retention | None:
        now = asyncio.get_running_loop().time()
        if self._tidied and now - self._tidied < TIDY_EVERY:
            return None
        self._tidied = now
        return self._retention()


def _write(
    connection: sqlite3.Connection,
    batch: Sequence[_Row],
    used: Mapping[tuple[str, str], _Used],
    retention: Retention | None,
) -> None:
    connection.executemany(
        "INSERT INTO call (at, server, tool, outcome, took, size) VALUES (?, ?, ?, ?, ?, ?)", batch
    )
    connection.executemany(
        "INSERT INTO usage VALUES (?, ?, ?, ?, ?) ON CONFLICT (server, tool) DO UPDATE SET"
        " calls = calls + excluded.calls, errors = errors + excluded.errors,"
        " last = max(last, excluded.last)",
        [(*name, *numbers) for name, numbers in used.items()],
    )
    if retention is not None:
        _tidy(connection, retention)


def _tidy(connection: sqlite3.Connection, retention: Retention) -> None:
    connection.execute("DELETE FROM call WHERE at < ?", (time.time() - retention.days * 86_400,))
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * size > retention.size:
        # The oldest tenth: room for a while, so that this is not done with every batch.
        connection.execute(
            "DELETE FROM call WHERE id IN"
            " (SELECT id FROM call ORDER BY id LIMIT (SELECT count(*) / 10 + 1 FROM call))"
        )


def _calls(connection: sqlite3.Connection, wanted: Wanted) -> list[KeptCall]:
    found = connection.execute(
        "SELECT id, at, server, tool, outcome, took, size FROM call"
        " WHERE (:server IS NULL OR server = :server) AND (:tool IS NULL OR tool = :tool)"
        " AND (:outcome IS NULL OR outcome = :outcome) AND (:since IS NULL OR at >= :since)"
        " AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        asdict(wanted),
    )
    return [
        KeptCall(
            row[0],
            CallRecord(
                at=datetime.fromtimestamp(row[1], UTC),
                server=row[2],
                tool=row[3],
                outcome=row[4],
                took=row[5],
                size=row[6],
            ),
        )
        for row in found
    ]


def _usage(connection: sqlite3.Connection) -> list[Usage]:
    found = connection.execute(
        "SELECT server, tool, calls, errors, last FROM usage ORDER BY calls DESC, server, tool"
    )
    return [
        Usage(server, tool, calls, errors, datetime.fromtimestamp(last, UTC))
        for server, tool, calls, errors, last in found
    ]

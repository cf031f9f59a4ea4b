"""Everything that is kept, on one database: opened before the servers start, closed last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.model.activity import KeptCall, Usage, Wanted
from core.model.config import Config, ServerConfig
from core.storage.activity import Activity, Retention
from core.storage.approvals import ApprovalBook
from core.storage.cache import AnswerCache
from core.storage.database import Database
from core.telemetry.counters import Counters

MEGABYTE = 1024 * 1024
READ_LIMIT = 1.0  # seconds a start waits for what was approved; then tools wait for it
CLOSE_LIMIT = 1.0


class Storage:
    """Implements ``core.ports.Records``.

    ``config`` gives the configuration in use; ``told`` gets a sentence on what is wrong
    now, ``lost`` one when a damaged file was put aside.
    """

    def __init__(
        self,
        path: Path,
        counters: Counters,
        config: Callable[[], Config],
        told: Callable[[str], object],
        lost: Callable[[str], object],
    ) -> None:
        self._say_lost = lost
        self.database = Database(path, counters, told, self._lost)
        self.approvals = ApprovalBook(
            self.database,
            enabled=lambda: config().quarantine_enabled,
            configured=lambda: config().servers.values(),
        )
        self.cache = AnswerCache(self.database)
        self.activity = Activity(
            self.database,
            lambda: Retention(config().activity_days, config().activity_megabytes * MEGABYTE),
        )

    async def open(self) -> None:
        """Begin; a database that cannot be read delays nothing, and approves nothing."""
        await self.approvals.load(READ_LIMIT)

    async def close(self) -> None:
        """Write what waits; a disk that does not answer is not waited for."""
        self.approvals.close()
        self.activity.close()
        await self.database.close(CLOSE_LIMIT)

    async def approved(self, config: ServerConfig, tool: str) -> bytes | None:
        return await self.approvals.approved_raw(config, tool)

    async def calls(self, wanted: Wanted) -> Sequence[KeptCall]:
        return await self.activity.calls(wanted)

    async def usage(self) -> Sequence[Usage]:
        return await self.activity.usage()

    def _lost(self, why: str) -> None:
        self.approvals.lost()
        self._say_lost(why)

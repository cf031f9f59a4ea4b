"""Tells when a file may have changed, once it is quiet again."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from core.config.places import places

if TYPE_CHECKING:
    from core.config.directories import Directories

QUIET = 0.2
"""Seconds without a change after which a burst of changes counts as over."""

_MOST_ROUNDS = 5


class FileWatch:
    """An async context manager around the watching of one path; no polling, no idle cost.

    To miss nothing: ``follow``, wait for ``changed``, ``follow`` again, look at the file, and so
    on. The beginning counts as a change, since nobody watched before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._touched = asyncio.Event()
        self._touched.set()
        self._loop = asyncio.get_running_loop()
        # A cancelled follow goes on in its thread: leaving has to wait for it.
        self._lock = threading.Lock()
        self._left = False
        self._directories: Directories | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._leave)

    async def follow(self) -> None:
        """Watch where the path leads now; links and directories may be others than before.

        Raises OSError when the system has no more watches to give.
        """
        await asyncio.to_thread(self._follow)

    async def changed(self) -> None:
        """Return when something has changed and then nothing for ``QUIET`` seconds."""
        await self._touched.wait()
        while True:
            self._touched.clear()
            try:
                async with asyncio.timeout(QUIET):
                    await self._touched.wait()
            except TimeoutError:
                return

    def _follow(self) -> None:
        from core.config.directories import Directories  # slow to import: not at start-up

        with self._lock:
            if self._left:
                return
            if self._directories is None:
                self._directories = Directories(self._notify)
            for _ in range(_MOST_ROUNDS):
                with suppress(FileNotFoundError):  # gone since: look again where the path ends
                    wanted = places(self._path)
                    if wanted == self._directories.watched:
                        return
                    self._directories.watch(wanted)

    def _leave(self) -> None:
        with self._lock:
            self._left = True
            if self._directories is not None:
                self._directories.close()

    def _notify(self) -> None:
        with suppress(RuntimeError):  # the loop has ended without us
            self._loop.call_soon_threadsafe(self._touched.set)

"""Ends our children when we can no longer do it: after a ``kill -9`` of the program itself.

A shell, because it costs a megabyte where another Python costs eight. It reads what we tell it
and wakes only then. When our end of the pipe closes, however we ended, it kills every process
group it still knows, then whoever carries our mark. It has a session of its own, so that what
ends us (Ctrl-C, a closed terminal) does not end it.

A death signal (Linux, prctl(2), PR_SET_PDEATHSIG) would not do: it fires when the *thread* that
started the child ends, and does not reach grandchildren. Windows has job objects for this.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from typing import cast

from core.upstream.ownership import VARIABLE, make_ready

SCRIPT = r"""
groups=" "
while read -r sign group; do
  case "$sign$groups" in
    +*) groups="$groups$group " ;;
    -*" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
for found in $(grep -lasF "$1" /proc/[0-9]*/environ); do
  process="${found#/proc/}"
  kill -KILL "${process%/environ}" 2>/dev/null
done
"""

LAST_LOOK = 2.0  # seconds

log = logging.getLogger(__name__)


class Reaper(asyncio.SubprocessProtocol):
    """Knows which process groups are ours; started with the first, and anew if it dies."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._numbers = itertools.count(1)
        self._groups: set[int] = set()
        self._starting = asyncio.Lock()
        self._pipe: asyncio.WriteTransport | None = None
        self._process: asyncio.SubprocessTransport | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ready(self) -> str:
        """Be there before a child is; the mark for that child's environment."""
        async with self._starting:
            if self._pipe is None and sys.platform != "win32":
                await self._start()
        return f"{self._mark}.{next(self._numbers)}"

    def add(self, group: int) -> None:
        """Watch over a process group."""
        self._groups.add(group)
        self._tell(f"+ {group}")

    def remove(self, group: int) -> None:
        """The group has ended."""
        self._groups.discard(group)
        self._tell(f"- {group}")

    async def close(self) -> None:
        """Have it look once more for what carries our mark, and end."""
        if self._pipe is not None:
            self._pipe.close()
            await asyncio.wait([self._ended], timeout=LAST_LOOK)

    async def _start(self) -> None:
        await asyncio.to_thread(make_ready)
        self._ended = asyncio.get_running_loop().create_future()
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self,
                *("/bin/sh", "-c", SCRIPT, "mcpproxy-reaper", f"{VARIABLE}={self._mark}"),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            why = error.strerror or str(error)
            log.warning("no reaper", extra={"fields": {"why": why}})

    def _tell(self, line: str) -> None:
        if self._pipe is not None and not self._pipe.is_closing():
            self._pipe.write(line.encode() + b"\n")

    # --- what the loop reports ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast("asyncio.SubprocessTransport", transport)
        self._pipe = cast("asyncio.WriteTransport", self._process.get_pipe_transport(0))
        for group in self._groups:
            self._tell(f"+ {group}")

    def process_exited(self) -> None:
        self._pipe = None  # the next child finds a new one
        if self._process is not None:
            self._process.close()
        if not self._ended.done():
            self._ended.set_result(None)

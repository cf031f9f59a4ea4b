"""Whose process is it? A mark in the environment tells, wherever the process has gone.

A group is left by ``setsid``, a parent by ending; the environment a process was started with
stays readable for as long as it lives. The mark is random per start of the program, so that
whoever carries it was started by us or by what we started, however its pid came about.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import secrets
from collections.abc import Callable, Iterable, Set
from pathlib import Path

VARIABLE = "MCPPROXY_OWNER"
SHORTEST = 32  # characters of a mark: what is shorter is none of ours

log = logging.getLogger(__name__)


def make_ready() -> None:
    """Load what ending them takes while it is there: an upgrade may replace it. Blocks."""
    importlib.import_module("psutil")


def new_mark() -> str:
    """A mark that no other start of any program has."""
    return secrets.token_hex(16)


def usable(marks: Iterable[str]) -> frozenset[str]:
    """The whole marks among these: an empty one would be found on every process there is."""
    return frozenset(mark for mark in marks if len(mark) >= SHORTEST)


def carries(carried: str, marks: frozenset[str]) -> bool:
    """Whether what a process carries is one of the marks, or derived from one as ``mark.N``."""
    return carried in marks or carried.rpartition(".")[0] in marks


def end_marked(marks: Set[str]) -> int:
    """Kill every process that carries one of the marks, or one derived from it as ``mark.N``.

    How many there were. Looks at all processes, which takes some milliseconds.
    """
    import psutil

    wanted = usable(marks)
    ended = 0
    for process in psutil.process_iter():
        try:
            carried = process.environ().get(VARIABLE, "")
            if carries(carried, wanted):
                # psutil compares the start time first: a reused pid is not touched.
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or not ours to look at
    return ended


class Sweep:
    """Looks for marks; who asks while a look is under way shares the next with all others.

    Hundreds of servers that end together would otherwise look at all processes once each.
    """

    def __init__(self, look: Callable[[Set[str]], object] = end_marked) -> None:
        self._look = look
        self._turn = asyncio.Lock()
        self._wanted: set[str] = set()

    async def end(self, mark: str) -> None:
        """Return once a look that began after the call has ended who carries the mark."""
        self._wanted.add(mark)
        async with self._turn:
            if mark in self._wanted:  # else who was before us has taken it along
                marks, self._wanted = self._wanted, set()
                await asyncio.to_thread(self._look, marks)


def take_over(file: Path, mark: str) -> int:
    """End what the last start left behind, whose mark is in ``file``, and leave ours there.

    How many processes there were. Blocks. A full disk does not keep the program from starting:
    then the next start does not know our mark.
    """
    try:
        last = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        last = ""
    ended = end_marked({last}) if len(last) == len(mark) else 0
    try:
        file.write_text(mark + "\n", encoding="ascii")
        file.chmod(0o600)
    except OSError as error:
        facts = {"file": str(file), "why": error.strerror or str(error)}
        log.warning("the owner's mark is not kept", extra={"fields": facts})
    if ended:
        log.warning("processes of an earlier start ended", extra={"fields": {"count": ended}})
    return ended

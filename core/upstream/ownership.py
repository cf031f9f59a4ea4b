"""Whose process is it? A mark in the environment tells, wherever the process has gone.

A group is left by ``setsid``, a parent by ending; the environment a process was started with
stays readable for as long as it lives. The mark is random per start of the program, so that
whoever carries it was started by us or by what we started, however its pid came about.
"""

from __future__ import annotations

import importlib
import logging
import secrets
from pathlib import Path

VARIABLE = "MCPPROXY_OWNER"

log = logging.getLogger(__name__)


def make_ready() -> None:
    """Load what ending them takes while it is there: an upgrade may replace it. Blocks."""
    importlib.import_module("psutil")


def new_mark() -> str:
    """A mark that no other start of any program has."""
    return secrets.token_hex(16)


def end_marked(mark: str) -> int:
    """Kill every process that carries the mark, or one derived from it as ``mark.N``.

    How many there were. Looks at all processes, which takes some milliseconds.
    """
    import psutil

    ended = 0
    for process in psutil.process_iter():
        try:
            carried = process.environ().get(VARIABLE, "")
            if carried == mark or carried.startswith(f"{mark}."):
                # psutil compares the start time first: a reused pid is not touched.
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or not ours to look at
    return ended


def take_over(file: Path, mark: str) -> int:
    """End what the last start left behind, whose mark is in ``file``, and leave ours there.

    How many processes there were. Blocks. A full disk does not keep the program from starting:
    then the next start does not know our mark.
    """
    try:
        last = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        last = ""
    ended = end_marked(last) if len(last) == len(mark) else 0
    try:
        file.write_text(mark + "\n", encoding="ascii")
        file.chmod(0o600)
    except OSError as error:
        facts = {"file": str(file), "why": error.strerror or str(error)}
        log.warning("the owner's mark is not kept", extra={"fields": facts})
    if ended:
        log.warning("processes of an earlier start ended", extra={"fields": {"count": ended}})
    return ended

"""Writes down where every thread is: names of files and functions, never values."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path

KEPT = 5  # files; the oldest goes first
PATTERN = "stacks-*.txt"


def write_stacks(directory: Path) -> Path:
    """Put the stacks of all threads into a new file that only the user can read.

    May be called from any thread, and blocks for as long as the disk does. Raises OSError.
    """
    now = datetime.now(UTC)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"stacks-{now:%Y%m%d-%H%M%S-%f}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"MCP Proxy Tray, process {os.getpid()}, {now.isoformat()}\n{stacks()}")
    for old in sorted(directory.glob(PATTERN))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def stacks() -> str:
    """The stack of every thread but the caller's, outermost call first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "".join(
        f"\nThread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    )

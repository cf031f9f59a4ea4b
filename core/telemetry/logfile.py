"""Appending to a log file that is rotated by size, readable by its owner only.

The file is opened anew for every batch: nothing is kept open for servers long gone, and a file
removed or replaced from outside is simply made again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe in its place must not stop every log
)


def append(path: Path, lines: list[bytes], max_size: int, max_backups: int) -> None:
    """Write ``lines``; a file that has ``max_size`` bytes becomes ``path.1``, and so on.

    A file exceeds the size by at most one line. Raises OSError when it cannot be written.
    """
    waiting = lines
    while waiting:
        descriptor = _open(path)
        try:
            size = os.fstat(descriptor).st_size
            room = max(max_size, 1) - size
            if room > 0:
                now, waiting = _fill(waiting, room)
                _write(descriptor, b"".join(now), size)
        finally:
            os.close(descriptor)
        if waiting:
            _rotate(path, max_backups)


def rotated(path: Path, number: int) -> Path:
    """The name of an older file; 1 is the newest of them."""
    return path.with_name(f"{path.name}.{number}")


def tail(path: Path, count: int, most_bytes: int) -> list[str]:
    """The last ``count`` lines, oldest first, of at most ``most_bytes`` of the log.

    Right after a rotation they reach back into the newest older file. A log that nobody wrote
    yet has none. Raises OSError when it cannot be read.
    """
    lines: list[str] = []
    for part in (path, rotated(path, 1)):
        lines = _last_lines(part, count - len(lines), most_bytes) + lines
        if len(lines) >= count:
            break
    return lines


def _last_lines(path: Path, count: int, most_bytes: int) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - most_bytes))
            lines = file.read(most_bytes).decode(errors="replace").split("\n")
    except FileNotFoundError:
        return []
    if lines[-1] == "":
        lines.pop()
    if start > 0:
        lines = lines[1:]  # it began before what was read
    return lines[-count:]


def _open(path: Path) -> int:
    try:
        return os.open(path, _FLAGS, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, _FLAGS, 0o600)


def _fill(lines: list[bytes], room: int) -> tuple[list[bytes], list[bytes]]:
    """As many lines as start within ``room`` bytes, and the rest."""
    for count, line in enumerate(lines):
        if room <= 0:
            return lines[:count], lines[count:]
        room -= len(line)
    return lines, []


def _write(descriptor: int, data: bytes, size: int) -> None:
    """Append to a file of that size all of ``data`` or, with an OSError, nothing."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        # A full disk takes a part: the next line must not begin behind half of another.
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _rotate(path: Path, max_backups: int) -> None:
    if max_backups <= 0:
        path.unlink()
        return
    for number in range(max_backups - 1, 0, -1):
        older = rotated(path, number)
        if older.exists():
            older.replace(rotated(path, number + 1))
    path.replace(rotated(path, 1))

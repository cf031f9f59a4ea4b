"""Where to look in order to notice that a path leads to something else than before."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40  # as many as Linux follows


@dataclass(frozen=True, slots=True)
class Place:
    """A directory and the names in it to look out for, in lower case.

    ``identity`` tells the directory from a later one of the same name. ``contents`` is true
    where the file itself lies; elsewhere only entries that come, go or are renamed matter.
    """

    directory: Path
    identity: tuple[int, int]
    names: frozenset[str]
    contents: bool


def places(path: Path) -> frozenset[Place]:
    """Every directory in which a change can change what ``path`` leads to; blocks.

    These are the directory of the file, the one it lies in (it may be moved away), and those
    of every symbolic link on the way; or the last one that exists. Raises FileNotFoundError
    when a directory goes away meanwhile.
    """
    names: dict[Path, set[str]] = {}
    final: Path | None = None
    for entry, is_final in _way(path.absolute()):
        names.setdefault(entry.parent, set()).add(entry.name.casefold())
        if is_final:
            final = entry.parent
    found = []
    for directory, wanted in names.items():
        status = directory.stat()
        identity = (status.st_dev, status.st_ino)
        found.append(Place(directory, identity, frozenset(wanted), directory == final))
    return frozenset(found)


def _way(path: Path) -> Iterator[tuple[Path, bool]]:
    """The entries that decide where the path leads, and whether each is its very end."""
    current = Path(path.anchor)
    pending = list(reversed(path.parts[1:]))
    links = 0
    while pending:
        name = pending.pop()
        if name == os.pardir:
            current = current.parent
            continue
        entry = current / name
        try:
            mode = entry.lstat().st_mode
        except OSError:
            yield entry, not pending
            break
        if stat.S_ISLNK(mode):
            yield entry, False
            links += 1
            if links > _MOST_LINKS:
                break
            target = entry.readlink()
            if target.is_absolute():
                current = Path(target.anchor)
            pending.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
        elif pending:
            current = entry
        else:
            yield entry, True
    if current != current.parent:
        yield current, False

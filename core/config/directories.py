"""Directories watched by the system's own notifications; the only module that knows watchdog.

An idle watch costs no wake-up at all. Importing this costs some 20 ms: do it off the loop,
after the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from core.config.places import Place

_ENTRIES: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
# not opened or read: looking at the file would then count as a change
_CONTENTS = [*_ENTRIES, FileAttribEvent, FileClosedEvent, FileModifiedEvent]


class _Filter(FileSystemEventHandler):
    """Passes on what concerns a place; runs on the observer's thread."""

    def __init__(self, place: Place, notify: Callable[[], None]) -> None:
        self._directory = str(place.directory)
        self._names = place.names
        self._notify = notify

    def dispatch(self, event: FileSystemEvent) -> None:
        for raw in (event.src_path, event.dest_path):
            path = os.fsdecode(raw)
            if path and (path == self._directory or Path(path).name.casefold() in self._names):
                self._notify()
                return


class Directories:
    """Watches the places it is told, and calls ``notify`` on a thread of its own.

    Every method blocks for a moment and is for one thread at a time. Raises OSError when the
    system has no more watches to give.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self._notify = notify
        self._watches: dict[Place, ObservedWatch] = {}
        self._observer = Observer()
        self._observer.start()

    @property
    def watched(self) -> Set[Place]:
        return self._watches.keys()

    def watch(self, wanted: Set[Place]) -> None:
        """From now on these places and no others. Raises FileNotFoundError if one is gone."""
        for place in self._watches.keys() - wanted:
            self._observer.unschedule(self._watches.pop(place))
        for place in wanted - self._watches.keys():
            kinds = _CONTENTS if place.contents else _ENTRIES
            self._watches[place] = self._observer.schedule(
                _Filter(place, self._notify), str(place.directory), event_filter=kinds
            )

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()

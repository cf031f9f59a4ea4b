"""A slot per consumer, not a queue: state coalesces, notices are bounded, a waker wakes once.

Memory per subscriber is at most the names of all servers and ``NOTICES`` notices, however slow
it is. Folding the batches, however rarely they are taken, rebuilds exactly the present world.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.model.config import ServerName
from core.model.notices import Notice
from core.model.status import Snapshot

NOTICES = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything since the last take; see ``core.ports.Batch``."""

    snapshot: Snapshot
    changed: frozenset[ServerName]
    notices: tuple[Notice, ...]
    dropped: int


class Slot:
    """What one consumer has not seen yet; filled on the engine's thread, taken on any."""

    def __init__(self, wake: Callable[[], object], snapshot: Snapshot) -> None:
        # Orders the engine's filling against the consumer's taking; held for a few
        # assignments only, and never while calling out.
        self._lock = threading.Lock()
        self._wake = wake
        self._snapshot = snapshot
        self._changed: set[ServerName] = set(snapshot.servers)
        self._notices: deque[Notice] = deque()
        self._dropped = 0
        self._filled = True
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def offer(
        self, snapshot: Snapshot, changed: Iterable[ServerName] = (), notice: Notice | None = None
    ) -> None:
        """Put the newest world in; wakes the consumer if the slot was empty."""
        with self._lock:
            if self._closed:
                return
            self._snapshot = snapshot
            self._changed.update(changed)
            if notice is not None:
                if len(self._notices) == NOTICES:
                    self._notices.popleft()
                    self._dropped += 1
                self._notices.append(notice)
            was_filled, self._filled = self._filled, True
        if not was_filled:
            self._wake()

    def take(self) -> Batch | None:
        with self._lock:
            if not self._filled:
                return None
            batch = Batch(
                self._snapshot, frozenset(self._changed), tuple(self._notices), self._dropped
            )
            self._filled = False
            self._changed.clear()
            self._notices.clear()
            self._dropped = 0
            return batch

    def close(self) -> None:
        """End the subscription; a consumer that waits is woken and finds it closed."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wake()

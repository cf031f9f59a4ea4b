"""A server's own words: written into its log, its secrets blotted out, and the last ones kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from core.upstream.environment import redacted
from core.upstream.throttle import Throttle

RATE = 1024 * 1024  # bytes per second into the log file
LAST_LINES = 20  # kept for messages


class ServerLog:
    """A flood is cut, and said to be; ``now`` gives monotonic seconds."""

    def __init__(
        self, write: Callable[[str], None], secrets: Sequence[str], now: Callable[[], float]
    ) -> None:
        self._write = write
        self._secrets = secrets
        self._now = now
        self._throttle = Throttle(RATE, RATE)
        self._suppressed = 0
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def said(self, line: str) -> None:
        """A line of the server's stderr."""
        self._last.append(line)
        self.note(line)

    def note(self, line: str) -> None:
        """Something about the server; not among its last words."""
        now = self._now()
        # Once cut, it stays cut until half the credit is back: one remark for many lines.
        if not self._throttle.has(RATE / 2 if self._suppressed else 0, now):
            self._suppressed += 1
            return
        self.close()
        self._throttle.spend(len(line) + 1, now)
        self._write(redacted(line, self._secrets))

    def tail(self) -> str:
        """Its last lines."""
        return redacted("\n".join(self._last), self._secrets)

    def close(self) -> None:
        """Say what was left out."""
        if self._suppressed:
            self._write(f"[suppressed {self._suppressed} lines: more than {RATE} bytes a second]")
            self._suppressed = 0

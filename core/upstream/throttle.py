"""How much may pass: credit that time restores, and what makes garbage a flood."""

from __future__ import annotations

STEP = 0.1  # seconds of credit to wait for once there is none, so that waits are few

GARBAGE_RATE = 4 * 1024 * 1024  # bytes per second that are looked at
GARBAGE_LINE = 1024  # bytes that a line counts for at least, since each costs time
FLOOD_WINDOW = 60.0  # seconds in which so many bytes are too many
FLOOD_BYTES = 64 * 1024 * 1024
FLOOD_SECONDS = 10.0  # of being held back without a rest


class Throttle:
    """Credit of at most ``burst``, restored at ``rate`` per second. Moments are monotonic."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._credit = burst
        self._at = float("-inf")

    def spend(self, amount: float, now: float) -> float:
        """Take credit, into debt if need be; seconds to wait before taking more."""
        self._restore(now)
        self._credit -= amount
        return 0.0 if self._credit >= 0 else -self._credit / self._rate + STEP

    def has(self, amount: float, now: float) -> bool:
        """Whether so much credit is there; takes nothing."""
        self._restore(now)
        return self._credit >= amount

    def _restore(self, now: float) -> None:
        if now > self._at:
            self._credit = min(self._burst, self._credit + (now - self._at) * self._rate)
            self._at = now


class Garbage:
    """What a server wrote where only messages belong: held back, and at last called a flood.

    A log line a second that went to the wrong stream harms nobody for years, so bytes are
    counted by the minute.
    """

    def __init__(self) -> None:
        self._throttle = Throttle(GARBAGE_RATE, GARBAGE_RATE)
        self._counted_since = float("-inf")
        self._bytes = 0.0
        self._held_since: float | None = None  # since it was last at rest
        self.flood = False

    def took(self, size: float, now: float) -> float:
        """Count it; seconds to wait before reading on."""
        if now - self._counted_since > FLOOD_WINDOW:
            self._counted_since, self._bytes = now, 0.0
        if self._throttle.has(GARBAGE_RATE / 2, now):
            self._held_since = None
        wait = self._throttle.spend(max(size, GARBAGE_LINE), now)
        self._bytes += size
        if wait and self._held_since is None:
            self._held_since = now
        held = now - self._held_since if self._held_since is not None else 0.0
        self.flood = self.flood or self._bytes >= FLOOD_BYTES or held >= FLOOD_SECONDS
        return wait

"""How long to wait before the next connection attempt."""

from __future__ import annotations

import zlib

FIRST = 1.0  # seconds
CAP_STDIO = 60.0
CAP_REMOTE = 300.0
SLOW_FROM = 6  # the attempt, 32 s, with which waiting for what we cannot start begins
SPREAD = 0.2
STABLE_AFTER = 60.0  # seconds in READY after which earlier failures are forgotten
GIVE_UP_FAILURES = 5
GIVE_UP_WINDOW = 120.0  # seconds


def retry_delay(name: str, epoch: int, attempt: int, cap: float) -> float:
    """Seconds to wait after failed attempt ``attempt`` (from 1): doubling up to ``cap``, ±20 %.

    The spread comes from the name and the epoch instead of a random source, so that servers do
    not march in step and tests need no seed.
    """
    doubled = FIRST * 2.0 ** min(attempt - 1, 62)
    unit = zlib.crc32(f"{name}:{epoch}".encode()) / 0xFFFF_FFFF
    return min(doubled, cap) * (1.0 - SPREAD + 2.0 * SPREAD * unit)


def gives_up(ever_ready: bool, failures: tuple[float, ...]) -> bool:
    """Whether to stop trying: only for what was never ready and failed too often too fast.

    ``failures`` are the moments of the latest failures, oldest first.
    """
    recent = failures[-GIVE_UP_FAILURES:]
    return (
        not ever_ready
        and len(recent) == GIVE_UP_FAILURES
        and recent[-1] - recent[0] <= GIVE_UP_WINDOW
    )

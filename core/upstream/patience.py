"""How long a server may take to be ready: longer while it is still being downloaded."""

from __future__ import annotations

import re
from pathlib import PurePath

FETCHERS = frozenset({"npx", "uvx", "pnpm", "pnpx", "bunx", "docker", "podman", "pipx"})
"""Commands that download what they run when it is not there yet, and say so on stderr."""

STILL = 30.0  # seconds that a sign of life is worth
LONGEST = 180.0  # seconds in all

_ENDING = re.compile(r"\.(exe|cmd|bat|ps1)$", re.IGNORECASE)


class Patience:
    """``until`` is the moment at which to give up. Moments are monotonic seconds."""

    def __init__(self, command: str, limit: float, began: float) -> None:
        self._began = began
        self._usual = began + limit
        self._fetches = _ENDING.sub("", PurePath(command).name).lower() in FETCHERS
        self.until = self._usual

    @property
    def stretched(self) -> bool:
        """Whether it gets more time than is usual for it."""
        return self.until > self._usual

    @property
    def seconds(self) -> float:
        """From its start until it is given up."""
        return round(self.until - self._began, 1)

    def stirred(self, now: float) -> None:
        """It wrote something on stderr."""
        if self._fetches:
            self.until = max(self.until, min(now + STILL, self._began + LONGEST))

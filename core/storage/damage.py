"""How a database can be unusable, apart from what the library itself reports."""

from __future__ import annotations


class Damaged(Exception):
    """What the file holds is no database, or not what was written."""


class NotBegun(Exception):
    """A new file could not be made; ``reason`` is why, and nothing was ever kept in it."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason

"""One notification."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """A notification; ``row_id`` is the menu row that its one action stands for."""

    id: str
    title: str
    body: str
    action: str = ""
    row_id: str = ""

"""Nobody talks with any server: for what only counts conversations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.ports import Held
from core.protocol.calls import Ask, ConnectionLost, Session


@dataclass(frozen=True, slots=True)
class Watched:
    """So many listen, and so much was dropped: event streams, or logs."""

    clients: int = 0
    dropped: int = 0


class NoSessions:
    """No server is ready."""

    def get(self, name: str) -> None:
        return None


class NoPrivates:
    """No client has a connection of its own; ``held`` can be given some all the same."""

    def __init__(self, held: Sequence[Held] = ()) -> None:
        self._held = held

    async def open(self, server: str, capabilities: bytes, asked: Callable[[Ask], None]) -> Session:
        raise ConnectionLost(f"there is no {server!r}")

    def held(self) -> Sequence[Held]:
        return self._held

    def close(self, session: Session) -> None: ...

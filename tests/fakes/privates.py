"""Conversations for one client alone that cost nothing and do what a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.model.config import ServerName
from core.protocol.calls import Ask, Session
from tests.fakes.connector import FakeSession


class FakePrivates:
    """Implements ``core.ports.Privates``; remembers what was opened and closed."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, bytes]] = []
        self.closed: list[Session] = []
        self.asked: list[Callable[[Ask], None]] = []
        self.failure: Exception | None = None
        self.slow: asyncio.Event | None = None  # opening waits for it

    async def open(
        self, server: ServerName, capabilities: bytes, asked: Callable[[Ask], None]
    ) -> Session:
        if self.slow is not None:
            await self.slow.wait()
        if self.failure is not None:
            raise self.failure
        self.opened.append((server, capabilities))
        self.asked.append(asked)
        return FakeSession()

    def close(self, session: Session) -> None:
        self.closed.append(session)

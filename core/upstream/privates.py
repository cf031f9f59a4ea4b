"""Conversations that one client has for itself: another process, or another HTTP session.

They live beside the server's own connection and not longer than it may: the same entry, the same
limits, and they end with it. Nobody but their client sees them, so no actor keeps them going.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from core.model.config import ServerConfig, ServerName
from core.model.faults import Fault
from core.model.status import EnginePhase, Peer, Phase
from core.ports import Door, Held, Link
from core.protocol.calls import Ask, ConnectionLost, Session, TooBusy
from core.upstream.conversation import Terms

MOST = 32  # private conversations with one server
CLOSE_LIMIT = 15.0  # seconds one gets to close itself before its task is cancelled
STOP_LIMIT = 4.0  # the same when the program stops

log = logging.getLogger(__name__)


class Connect(Protocol):
    """A connector that is told whom the connection is for."""

    async def __call__(self, config: ServerConfig, link: Link, terms: Terms) -> Fault | None: ...


class _Private:
    """One of them; also the ``Link`` its connection reports through."""

    def __init__(self, config: ServerConfig) -> None:
        loop = asyncio.get_running_loop()
        self.config = config
        self.closing: asyncio.Future[None] = loop.create_future()
        self.session: Session | None = None
        self.pid: int | None = None
        self.ready: asyncio.Future[Session] = loop.create_future()
        self.task: asyncio.Task[Fault | None]
        self.limit: asyncio.TimerHandle | None = None

    def forcing(self) -> None:
        return

    def fetching(self) -> None:
        return

    def connected(self, session: Session, peer: Peer) -> None:
        self.session = session
        self.pid = peer.pid
        if not self.ready.done():
            self.ready.set_result(session)

    def peer_changed(self, peer: Peer) -> None:
        return

    def close(self, limit: float) -> None:
        """Ask it to end, and see that it does."""
        if not self.closing.done():
            self.closing.set_result(None)
        if self.limit is not None:
            self.limit.cancel()
        self.limit = asyncio.get_running_loop().call_later(limit, self.task.cancel)

    def over(self) -> None:
        """It has ended."""
        if self.limit is not None:
            self.limit.cancel()
        if not self.ready.done():
            self.ready.set_exception(ConnectionLost(_why(self.task)))


class PrivateConversations:
    """Implements ``core.ports.Privates``."""

    def __init__(self, connect: Connect, door: Door) -> None:
        self._connect = connect
        self._door = door
        self._all: dict[asyncio.Task[Fault | None], _Private] = {}
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._world = door.subscribe(lambda: self._loop.call_soon(self._follow))
        self._loop.call_soon(self._follow)

    async def open(
        self, server: ServerName, capabilities: bytes, asked: Callable[[Ask], None]
    ) -> Session:
        config = self._entry(server)
        if config is None or self._stopping:
            raise ConnectionLost(f"the server {server!r} is not running")
        if sum(each.config.name == server for each in self._all.values()) >= MOST:
            raise TooBusy(f"{MOST} clients already have a connection of their own to it")
        private = _Private(config)
        terms = Terms(capabilities, asked)
        private.task = asyncio.create_task(
            self._connect(config, private, terms), name=f"private {server}"
        )
        self._all[private.task] = private
        private.task.add_done_callback(self._ended)
        try:
            return await private.ready
        except asyncio.CancelledError:
            private.close(CLOSE_LIMIT)
            raise

    def held(self) -> list[Held]:
        return [
            Held(each.config.name, each.session, each.pid)
            for each in self._all.values()
            if each.session is not None
        ]

    def close(self, session: Session) -> None:
        for private in self._all.values():
            if private.session is session:
                private.close(CLOSE_LIMIT)

    async def stop(self) -> None:
        """End all; what does not end in time is killed."""
        self._world.close()
        self._end_all()
        if self._all:
            await asyncio.wait(list(self._all))

    def _entry(self, server: ServerName) -> ServerConfig | None:
        """The entry of a server that runs."""
        snapshot = self._door.snapshot
        status = snapshot.servers.get(server)
        if status is None or status.phase is not Phase.READY or status.quarantined:
            return None
        return snapshot.config.servers.get(server)

    def _follow(self) -> None:
        """End what belongs to a server that ended, or that is another now."""
        if self._world.take() is None:
            return
        if self._door.snapshot.engine is EnginePhase.STOPPING:
            self._end_all()
            return
        for private in list(self._all.values()):
            now = self._entry(private.config.name)
            if now is not None and now.connection_key == private.config.connection_key:
                private.config = now
            elif not private.closing.done():
                private.close(CLOSE_LIMIT)

    def _end_all(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        for private in list(self._all.values()):
            private.close(STOP_LIMIT)

    def _ended(self, task: asyncio.Task[Fault | None]) -> None:
        private = self._all.pop(task)
        private.over()
        if not task.cancelled() and task.exception() is not None:
            facts = {"server": private.config.name}
            log.error(
                "bug in a private connection",
                extra={"fields": facts},
                exc_info=task.exception(),
            )


def _why(task: asyncio.Task[Fault | None]) -> str:
    if task.cancelled() or task.exception() is not None:
        return "it could not be started"
    fault = task.result()
    return fault.message if fault is not None else "it was ended"

"""What a connection reports, and waiting for it: the half of ``Link`` that all tests share."""

from __future__ import annotations

import asyncio

from core.model.faults import Fault
from core.model.status import Peer
from core.protocol.calls import Session

LIMIT = 30.0  # seconds for anything to happen


class Watched:
    """``task`` is the connection's own; whoever inherits starts it."""

    task: asyncio.Task[Fault | None]

    def __init__(self) -> None:
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.session: Session | None = None
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()  # as they were reported

    def connected(self, session: Session, peer: Peer) -> None:
        self.session = session
        self.peers.put_nowait(peer)

    def peer_changed(self, peer: Peer) -> None:
        self.peers.put_nowait(peer)

    async def ready(self) -> Peer:
        """Wait until the server is ready; fails if it ends instead."""
        peer = asyncio.ensure_future(self.peers.get())
        async with asyncio.timeout(LIMIT):
            await asyncio.wait([peer, self.task], return_when=asyncio.FIRST_COMPLETED)
        if not peer.done():
            peer.cancel()
            raise AssertionError(f"it ended: {self.task.result()}")
        return peer.result()

    async def fault(self) -> Fault:
        """Wait until it has ended by itself."""
        async with asyncio.timeout(LIMIT):
            fault = await asyncio.shield(self.task)
        assert fault is not None
        return fault

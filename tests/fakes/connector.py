"""Servers that do what a test tells them; implements ``core.ports.Connector``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.model.config import ServerConfig
from core.model.faults import Fault, FaultCode
from core.model.status import Peer
from core.model.tools import Tool
from core.ports import Link
from core.protocol.calls import Call, Catalogue, Hello, Notify

PEER = Peer(name="peer", version="1", pid=7, tools=(Tool("t", b"{}"),))
CRASH = Fault(FaultCode.CRASHED, "It crashed.", "last words")
BROKEN = Fault(FaultCode.SPAWN_ENOENT, "There is no such command.")


class FakeSession:
    """A conversation nobody uses; to be recognised by its identity."""

    hello = Hello("2025-11-25")
    catalogue = Catalogue()
    in_flight = 0
    waiting = 0
    questions_open = 0
    asks_clients = False
    uses_roots = False

    def start(self, method: str, params: bytes, caller: str = "") -> Call:
        return Call()

    def cancel(self, call: Call, reason: str) -> None:
        return

    def notify(self, method: str, params: bytes) -> None:
        return

    def listen(self, notify: Notify) -> Callable[[], None]:
        return lambda: None

    def subscribe(self, uri: str) -> None:
        return

    def unsubscribe(self, uri: str) -> None:
        return


class FakePeer:
    """One connection that was opened, and how to steer it."""

    def __init__(self, config: ServerConfig, link: Link) -> None:
        self.config = config
        self.link = link
        self.stubborn = False  # ignores the wish to close
        self.session = FakeSession()
        self.open = True
        self.cancelled = False
        self._outcome: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

    def connect(self, peer: Peer = PEER) -> None:
        self.link.connected(self.session, peer)

    def end(self, outcome: Fault | Exception | None = None) -> None:
        """End now with a fault, without one, or by raising."""
        if self._outcome.done():
            return
        if isinstance(outcome, Exception):
            self._outcome.set_exception(outcome)
        else:
            self._outcome.set_result(outcome)

    async def serve(self) -> Fault | None:
        """Wait to be ended; ``stubborn`` has to be set before."""
        wakers: set[asyncio.Future[Fault | None] | asyncio.Future[None]] = {self._outcome}
        if not self.stubborn:
            wakers.add(self.link.closing)
        try:
            await asyncio.wait(wakers, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.open = False
        return self._outcome.result() if self._outcome.done() else None


class FakeConnector:
    """Opens fake peers; keeps every one of them, in order, by server name."""

    def __init__(self, on_open: Callable[[FakePeer], object] = lambda peer: None) -> None:
        self.peers: dict[str, list[FakePeer]] = {}
        self._on_open = on_open

    async def __call__(self, config: ServerConfig, link: Link) -> Fault | None:
        peer = FakePeer(config, link)
        earlier = self.peers.setdefault(config.name, [])
        assert not any(one.open for one in earlier), "two connections of one server at once"
        earlier.append(peer)
        self._on_open(peer)
        return await peer.serve()

    def last(self, name: str) -> FakePeer:
        return self.peers[name][-1]

    def opened(self, name: str) -> int:
        return len(self.peers.get(name, ()))

"""Which conversation with a server a request uses: the one all share, or one of its client's own.

What a server with sessions asks on a shared pipe may be meant for anybody on it, and what it
remembers of a client it remembers of all. Clients are kept apart where that matters: a client
with a session has its own conversation until it leaves; one request of the era without gets one
for as long as it takes, and then the next may have it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from core.gateway import asking
from core.gateway.clients import Client
from core.gateway.refusal import Refusal
from core.model.config import ServerName
from core.ports import Door, Privates
from core.protocol.calls import Ask, ConnectionLost, Session, TooBusy
from core.protocol.codes import Code

IDLE_FOR = 60.0  # seconds a conversation waits for the next request that needs one
IDLE_MOST = 4  # of one server, with the same capabilities

Key = tuple[str, bytes]  # server, capabilities


class Leases:
    """All conversations that are not shared."""

    def __init__(self, door: Door, privates: Privates) -> None:
        self._door = door
        self._privates = privates
        self._own: dict[tuple[str, str], asyncio.Future[Session]] = {}  # by client, server
        self._idle: dict[Key, dict[Session, asyncio.TimerHandle]] = {}

    def apart(self, client: Client, name: str, shared: Session) -> bool:
        """Whether this client's requests may not use the conversation all share."""
        if shared.hello.stateless:
            return False  # it remembers nobody, and asks in its answers
        if self._own and (client.id, name) in self._own:
            return True
        config = self._door.snapshot.config.servers.get(ServerName(name))
        isolation = config.isolation if config is not None else "shared"
        if isolation != "auto":
            return isolation == "per_client"
        if client.declared == b"{}":
            return False  # nothing can be asked of it
        if shared.asks_clients or (shared.questions_open and not client.asked):
            return True
        return shared.uses_roots and not client.stateless and "roots" in client.capabilities

    async def take(self, client: Client, name: str) -> Session:
        """A conversation that nobody else uses now. Raises Refusal."""
        try:
            if client.stateless:
                return await self._idle_or_new(client, name)
            return await self._own_of(client, name)
        except TooBusy as busy:
            raise Refusal(Code.TOO_BUSY, f"The server {name!r} is too busy: {busy}.") from None
        except ConnectionLost as lost:
            why = f"The server {name!r} could not be given to this client alone: {lost}."
            raise Refusal(Code.SERVER_UNAVAILABLE, why) from None

    def lost(self, client: Client, name: str, session: Session) -> None:
        """A conversation turned out to be over."""
        own = self._own.get((client.id, name))
        if own is not None and own.done() and own.result() is session:
            del self._own[client.id, name]
        self._privates.close(session)

    def give_back(self, client: Client, name: str, session: Session) -> None:
        """A request of the era without sessions has ended."""
        if not client.stateless:
            return
        key = (name, client.declared)
        idle = self._idle.setdefault(key, {})
        if len(idle) >= IDLE_MOST or session.in_flight:
            self._privates.close(session)
        else:
            loop = asyncio.get_running_loop()
            idle[session] = loop.call_later(IDLE_FOR, self._expire, key, session)

    def own(self, client: Client, name: str) -> Session | None:
        """The conversation a client with a session has for itself, if it has one."""
        own = self._own.get((client.id, name))
        return own.result() if own is not None and own.done() else None

    def left(self, client: Client) -> None:
        """A session has ended, and what was its own ends with it."""
        for key in [key for key in self._own if key[0] == client.id]:
            own = self._own.pop(key)
            own.add_done_callback(self._close)

    async def _own_of(self, client: Client, name: str) -> Session:
        key = (client.id, name)
        opening = self._own.get(key)
        if opening is not None:
            return await asyncio.shield(opening)
        opening = self._own[key] = asyncio.get_running_loop().create_future()
        try:
            session = await self._privates.open(
                ServerName(name), client.declared, _to_its_stream(client)
            )
        except (ConnectionLost, TooBusy) as failure:
            self._own.pop(key, None)
            opening.set_exception(failure)
            opening.exception()  # others may wait for it, or nobody
            raise
        except asyncio.CancelledError:
            self._own.pop(key, None)
            opening.cancel()
            raise
        opening.set_result(session)
        session.listen(client.tell)
        return session

    async def _idle_or_new(self, client: Client, name: str) -> Session:
        idle = self._idle.get((name, client.declared), {})
        while idle:
            session, timer = idle.popitem()
            timer.cancel()
            return session
        return await self._privates.open(ServerName(name), client.declared, _refused)

    def _expire(self, key: Key, session: Session) -> None:
        idle = self._idle[key]
        del idle[session]
        if not idle:
            del self._idle[key]
        self._privates.close(session)

    def _close(self, own: asyncio.Future[Session]) -> None:
        with suppress(asyncio.CancelledError, ConnectionLost, TooBusy):
            self._privates.close(own.result())


def _to_its_stream(client: Client) -> Callable[[Ask], None]:
    """What the server asks outside any call goes to the stream its client listens on."""

    def asked(ask: Ask) -> None:
        if not client.streams:
            asking.refuse(ask, "the client has no stream open on which it could be asked")
            return
        message = asking.put(client, ask, client.tell)
        if message:
            client.put(message)

    return asked


def _refused(ask: Ask) -> None:
    asking.refuse(ask, "this client can be asked only while it calls")

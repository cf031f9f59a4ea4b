"""From a name to a live server, with policy, patience and a record of every tool call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import NoReturn
from weakref import WeakKeyDictionary

import msgspec

from core.errors import EngineStopped, IntentRefused
from core.gateway import bridge, trace
from core.gateway.clients import Client
from core.gateway.leases import Leases
from core.gateway.record import Record, outcome_of
from core.gateway.refusal import Refusal, unavailable, withheld
from core.gateway.surface import Ended, Running
from core.model.config import ServerName
from core.model.intents import RetryNow
from core.model.status import EnginePhase, Phase, ServerStatus
from core.ports import Door, Sessions
from core.protocol.calls import Call, ConnectionLost, Session, TooBusy, start_alone
from core.protocol.codes import Code
from core.protocol.severity import rank

PATIENCE = 20.0  # seconds to wait for a server that is connecting


class Router:
    """Shared by all surfaces."""

    def __init__(self, door: Door, sessions: Sessions, record: Record, leases: Leases) -> None:
        self.door = door
        self.leases = leases
        self._sessions = sessions
        self._record = record
        self._levels: WeakKeyDictionary[Session, int] = WeakKeyDictionary()
        self._hastened: dict[str, int] = {}  # by server, the attempt that was made for a caller

    def status(self, name: str) -> ServerStatus | None:
        return self.door.snapshot.servers.get(ServerName(name))

    def live(self, name: str) -> Session | None:
        """The conversation with a server that may be used now."""
        session = self._sessions.get(name)
        if session is None:
            return None
        status = self.status(name)
        return session if status is not None and not status.quarantined else None

    def callable(self, name: str, tool: str) -> Session | None:
        """As ``live``, for a call of a tool. Raises Refusal for one that nobody agreed to."""
        session = self._sessions.get(name)
        status = self.status(name) if session is not None else None
        if status is None or status.quarantined:
            return None
        if tool in status.withheld:
            self._refuse_withheld(name, tool)
        return session

    async def reach(self, name: str) -> Session:
        """As ``live``, but waits for a server that is connecting, or waits to. Raises Refusal.

        A server in backoff is tried again at once for whoever needs it, so that a caller does
        not fail only because a timer still runs.
        """
        session = self.live(name)
        if session is not None:
            return session
        if self.door.snapshot.engine is EnginePhase.STOPPING:
            raise Refusal(Code.SERVER_UNAVAILABLE, "MCP Proxy Tray is shutting down.")
        self._record.waited()
        await self._settled(name)
        session = self.live(name)
        if session is not None:
            self._hastened.pop(name, None)
            return session
        raise self._unavailable(name)

    def returning(self, name: str) -> bool:
        """Whether a server that is not there now is expected back without anybody's help."""
        status = self.status(name)
        return (
            status is not None
            and not status.quarantined
            and status.phase in {Phase.CONNECTING, Phase.BACKOFF}
        )

    def permit(self, name: str, tool: str) -> None:
        """Raises Refusal for a tool that a person did not agree to."""
        status = self.status(name)
        if status is not None and status.withholds(tool):
            self._refuse_withheld(name, tool)

    def _refuse_withheld(self, name: str, tool: str) -> NoReturn:
        self._record.refused(name, "withheld")
        raise withheld(name, tool)

    def lowers(self, session: Session, level: str) -> bool:
        """Whether the server would have to log more than anybody wanted of it so far.

        All who share a server share its level, so it is only ever lowered; each client is
        given no more than it wants. A server of the stateless era is told in every request.
        """
        if session.hello.stateless:
            return False
        known = self._levels.get(session)
        if known is not None and rank(level) >= known:
            return False
        self._levels[session] = rank(level)
        return True

    def want_level(self, session: Session, level: str) -> None:
        """Have the server log at least so much, whether it can or not."""
        if "logging" in session.hello.declares and self.lowers(session, level):
            start_alone(session, "logging/setLevel", msgspec.json.encode({"level": level}))

    async def _settled(self, name: str) -> None:
        """Wait until it is known whether the server can be called. Raises Refusal."""
        status = self.status(name)
        if status is not None and status.phase is Phase.BACKOFF:
            await self._hasten(status)

        def settled() -> bool:
            status = self.status(name)
            return status is None or status.phase is not Phase.CONNECTING

        await self._until(settled)

    async def _successor(self, name: str, ending: Session) -> Session:
        """The conversation after one that is ending and whose actor does not know it yet."""
        await self._until(lambda: self._sessions.get(name) is not ending)
        return await self.reach(name)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for it, or for as long as a caller can be expected to. Raises Refusal."""
        try:
            await self.door.until(lambda _: condition(), PATIENCE)
        except TimeoutError:
            return
        except EngineStopped as stopped:
            raise Refusal(Code.SERVER_UNAVAILABLE, str(stopped)) from None

    async def _hasten(self, status: ServerStatus) -> None:
        """Do not wait for the retry timer, unless the attempt that just failed was ours.

        Between two such failures lies an attempt of the timer's own. A server that stays broken
        is so started twice as often as without callers, however many they are.
        """
        if self._hastened.get(status.name) == status.attempt:
            return
        self._hastened[status.name] = status.attempt + 1
        try:
            await self.door.submit(RetryNow(status.name))
        except IntentRefused:
            return  # something else happened to it meanwhile

    def _unavailable(self, name: str) -> Refusal:
        status = self.status(name)
        why = unavailable(name, status, datetime.now(UTC))
        if status is not None:
            quarantined = why.code is Code.NOT_PERMITTED
            self._record.refused(name, "quarantined" if quarantined else "unavailable")
        return why

    def start_at_once(
        self,
        client: Client,
        name: str,
        session: Session,
        method: str,
        params: bytes,
        tool: str | None = None,
    ) -> Running | None:
        """Send a request on without waiting, over the conversation that all share.

        None, and nothing was sent, where it takes more than that. Raises Refusal.
        """
        if client.stateless and client.log_level:
            self.want_level(session, client.log_level)
        if self.leases.apart(client, name, session):
            return None
        params = self._traced(name, params)
        try:
            call = bridge.send(client, session, method, params)
        except TooBusy as busy:
            raise self._busy(name, busy) from None
        except ConnectionLost:
            return None
        return self._running(client, name, session, call, method, params, tool)

    def _running(
        self,
        client: Client,
        name: str,
        session: Session,
        call: Call,
        method: str,
        params: bytes,
        tool: str | None,
    ) -> Running:
        sent_at = perf_counter()
        ended: Ended = outcome_of
        if tool is not None:
            # Clients may name anything; labels are bounded.
            label = tool if tool in session.catalogue.tool_names else "unknown"
            ended = self._record.call(name, label, params, sent_at)
        return bridge.running(
            client,
            session,
            call,
            server=name,
            asked=tool or method,
            ended=ended,
            sent_at=sent_at,
            method=method,
            params=params,
        )

    def _traced(self, name: str, params: bytes) -> bytes:
        if b'"_meta"' not in params:
            return params
        status = self.status(name)
        return trace.checked(params, remote=status is not None and status.kind == "http")

    def _busy(self, name: str, busy: TooBusy) -> Refusal:
        self._record.refused(name, "busy")
        return Refusal(Code.TOO_BUSY, f"The server {name!r} is too busy: {busy}.")

    async def start(
        self,
        client: Client,
        name: str,
        session: Session,
        method: str,
        params: bytes,
        tool: str | None = None,
    ) -> Running:
        """Send a request on. Raises Refusal when the server cannot take it now."""
        running = self.start_at_once(client, name, session, method, params, tool)
        if running is not None:
            return running
        params = self._traced(name, params)
        leased = self.leases.apart(client, name, session)
        try:
            if leased:
                session, call = await self._apart(client, name, method, params)
            else:
                session, call = await self._shared(client, name, session, method, params)
        except TooBusy as busy:
            raise self._busy(name, busy) from None
        except ConnectionLost:
            raise self._unavailable(name) from None
        running = self._running(client, name, session, call, method, params, tool)
        if leased:
            running.ended = self._giving_back(client, name, session, running.ended)
        return running

    async def _shared(
        self, client: Client, name: str, session: Session, method: str, params: bytes
    ) -> tuple[Session, Call]:
        try:
            return session, bridge.send(client, session, method, params)
        except ConnectionLost:
            # Nothing was sent, so it may be sent to the server's next conversation.
            session = await self._successor(name, session)
            return session, bridge.send(client, session, method, params)

    async def _apart(
        self, client: Client, name: str, method: str, params: bytes
    ) -> tuple[Session, Call]:
        session = await self.leases.take(client, name)
        try:
            return session, self._send_apart(client, session, method, params)
        except ConnectionLost:
            self.leases.lost(client, name, session)
            session = await self.leases.take(client, name)
            return session, self._send_apart(client, session, method, params)
        except TooBusy:
            self.leases.give_back(client, name, session)
            raise

    def _send_apart(self, client: Client, session: Session, method: str, params: bytes) -> Call:
        if client.log_level:
            self.want_level(session, client.log_level)
        return bridge.send(client, session, method, params)

    def _giving_back(self, client: Client, name: str, session: Session, ended: Ended) -> Ended:
        def over(call: Call) -> str:
            self.leases.give_back(client, name, session)
            return ended(call)

        return over

"""From a name to a live server, with policy, patience and a record of every tool call."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from core.errors import EngineStopped, IntentRefused
from core.gateway.refusal import Refusal, unavailable
from core.gateway.surface import Running
from core.model.config import ServerName
from core.model.intents import RetryNow
from core.model.status import EnginePhase, Phase, ServerStatus
from core.ports import Door, Sessions
from core.protocol.calls import ConnectionLost, Reply, Session, TooBusy
from core.protocol.codes import Code
from core.telemetry.counters import Counters

END = 4096  # bytes of each end of a large result that are looked at for its outcome
PATIENCE = 20.0  # seconds to wait for a server that is connecting


class _Outcome(msgspec.Struct, rename="camel"):
    is_error: bool = False


_SAYS_ERROR = re.compile(rb'"isError"\s*:\s*true')
_outcome = msgspec.json.Decoder(_Outcome)


class Router:
    """Shared by all surfaces."""

    def __init__(self, door: Door, sessions: Sessions, counters: Counters) -> None:
        self.door = door
        self._sessions = sessions
        self._counters = counters
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
        await self._settled(name)
        session = self.live(name)
        if session is not None:
            self._hastened.pop(name, None)
            return session
        raise unavailable(name, self.status(name), datetime.now(UTC))

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

    async def start(
        self, name: str, session: Session, method: str, params: bytes, tool: str | None = None
    ) -> Running:
        """Send a request on. Raises Refusal when the server cannot take it now."""
        try:
            try:
                call = session.start(method, params)
            except ConnectionLost:
                # Nothing was sent, so it may be sent to the server's next conversation.
                session = await self._successor(name, session)
                call = session.start(method, params)
        except TooBusy as busy:
            raise Refusal(Code.TOO_BUSY, f"The server {name!r} is too busy: {busy}.") from None
        except ConnectionLost:
            raise unavailable(name, self.status(name), datetime.now(UTC)) from None
        if tool is None:
            return Running(session, call, name, method, _unrecorded)
        # Clients may name anything; labels are bounded.
        label = tool if tool in session.catalogue.tool_names else "unknown"
        return Running(session, call, name, tool, self._record(name, label))

    def _record(self, name: str, label: str) -> Callable[[Reply | None], None]:
        started = time.perf_counter()

        def ended(reply: Reply | None) -> None:
            outcome = outcome_of(reply)
            self._counters.tool_calls.inc(name, label, outcome)
            took = time.perf_counter() - started
            self._counters.tool_call_duration.observe(took, name, label, outcome)

        return ended


def outcome_of(reply: Reply | None) -> str:
    """The ``status`` label of a finished call."""
    if reply is None:
        return "lost"
    if reply.result is None:
        return "rpc_error"
    if _says_error(reply.result):
        return "tool_error"
    return "success"


def _says_error(result: bytes | memoryview) -> bool:
    """Whether a tool's result has ``isError``, without parsing what may be megabytes.

    Serialisers put that member first or last, so only the ends of a large result are looked at.
    Inside JSON strings the quotes are escaped; nested objects could mislead, so a small result
    is read once the words were found.
    """
    whole = memoryview(result)
    if len(whole) <= 2 * END:
        return _SAYS_ERROR.search(whole) is not None and _outcome.decode(whole).is_error
    return any(_SAYS_ERROR.search(part) is not None for part in (whole[:END], whole[-END:]))


def _unrecorded(reply: Reply | None) -> None:
    """Only tool calls are recorded."""

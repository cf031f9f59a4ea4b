"""What every connection does alike: meet the server, learn its lists, and keep them up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from core.model.config import ServerConfig
from core.model.faults import Action
from core.model.status import Concern, Peer
from core.ports import Link
from core.protocol.calls import Ask, CallTimeout, TooBusy
from core.telemetry.counters import Counters
from core.upstream.environment import redacted
from core.upstream.handshake import (
    CHANGES,
    ENTRIES_LIMIT,
    EVERYTHING,
    Era,
    Introduction,
    Own,
    begin,
    callable_tools,
    list_everything,
    tools_of,
)
from core.upstream.listening import Listening
from core.upstream.multiplexer import Multiplexer
from core.upstream.parameters import Headers
from core.upstream.patience import LONGEST
from core.upstream.pending import Limits, Outlet
from core.upstream.server_log import ServerLog
from core.upstream.stateless import Stamp
from core.upstream.throttle import Throttle

REFRESH_EVERY = 2.0  # seconds between two re-readings of a server's lists, after the first few
SETTLE = 0.02  # seconds in which what changes together is told
REFRESH_BURST = 3  # re-readings at once, each restored after that time
HANGS = 3  # requests in a row without an answer after which a person is told

log = logging.getLogger(__name__)

OpenLog = Callable[[ServerConfig], Callable[[str], None]]
"""Gives the way to write lines into a server's own log."""


@dataclass(frozen=True, slots=True)
class Means:
    """What conversations need of the program."""

    version: str
    counters: Counters
    open_log: OpenLog


@dataclass(frozen=True, slots=True)
class Terms:
    """Whom a connection is for: everybody, or one client.

    ``capabilities`` is what its server is told that can be asked of us; ``asked`` takes what the
    server asks outside any call, which is nobody's on a shared connection.
    """

    capabilities: bytes = EVERYTHING
    asked: Callable[[Ask], None] | None = None


SHARED = Terms()


class Conversation:
    """Over one outlet, from the first word on. ``log`` is the server's own log."""

    def __init__(
        self,
        means: Means,
        config: ServerConfig,
        link: Link,
        outlet: Outlet,
        secrets: tuple[str, ...],
        terms: Terms,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.log = ServerLog(means.open_log(config), secrets, loop.time)
        self.peer: Peer | None = None  # set once it is ready
        self.pid: int | None = None
        self.violations = 0
        self.parameters: Mapping[str, Headers] = {}  # by tool, what goes into headers too
        self.trouble: Concern | None = None  # with the way to the server
        self.lack: Concern | None = None  # of a permission, until somebody signs in anew
        self.down: asyncio.Future[None] = loop.create_future()
        self.session = Multiplexer(
            outlet,
            limits=self._limits,
            violation=self.violation,
            notified=self._notified,
            hung=self._hung,
        )
        self._means = means
        self._config = config
        self._link = link
        self._secrets = secrets
        self._stamp = Stamp(means.version)
        self._own = Own(means.version, terms.capabilities)
        self.session.asks.alone = terms.asked
        self._introduction = Introduction("", "")
        self._limited: tuple[ServerConfig, bool, Limits] | None = None  # the last, and for what
        self._hangs = 0  # requests in a row that were not answered in time
        self._stale: set[str] = set()  # lists the server said have changed
        self._renew = False
        self._wanted: asyncio.Future[None] = loop.create_future()  # something is to be done
        self._refreshes = Throttle(1 / REFRESH_EVERY, REFRESH_BURST)
        self.listening = Listening(self.session, self._stamp, self.violation)

    async def open(self, era: Era, hopeless: Callable[[], bool] = lambda: False) -> None:
        """Meet the server and learn its lists.

        Raises BadHandshake, ConnectionLost, CallTimeout.
        """
        self._introduction = await begin(self.session, self._stamp, self._own, era, hopeless)
        self.session.catalogue = await list_everything(self.session, self._stamp, self.violation)

    async def serve(self) -> None:
        """The server can be called, until it is down. Raises what ``open`` does when it has to
        be met anew and that fails."""
        self.peer = self._known()
        self._link.connected(self.session, self.peer)
        self.listening.begin()
        while not self.down.done():
            await asyncio.wait([self.down, self._wanted], return_when=asyncio.FIRST_COMPLETED)
            if self.down.done():
                return
            if self._renew:
                await self._meet_again()
            elif self._stale:
                await self._refresh()

    def bring_down(self) -> None:
        """It is over; everyone who waits learns it."""
        if not self.down.done():
            self.down.set_result(None)
        self.listening.close()
        self.session.lose()

    def meet_again(self) -> None:
        """The server has forgotten us: requests wait until we have met it anew."""
        if not self._renew and self.peer is not None:
            self._renew = True
            self.session.hold(True)
            self._want()

    async def _meet_again(self) -> None:
        async with asyncio.timeout(self._config.init_timeout):
            await self.open(Era.STATEFUL)
        self._renew = False
        self._wanted = asyncio.get_running_loop().create_future()
        self._stale.clear()
        self.session.hold(False)
        self.session.subscribe_again()
        self._tell_of(CHANGES)

    async def _refresh(self) -> None:
        """Re-read what changed: at once, but in a storm of changes only once in a while."""
        loop = asyncio.get_running_loop()
        due_in = max(SETTLE, self._refreshes.spend(1.0, loop.time()))
        await asyncio.wait([self.down], timeout=due_in)
        if self.down.done():
            return
        stale, self._stale = self._stale, set()
        self._wanted = loop.create_future()
        try:
            self.session.catalogue = await list_everything(
                self.session, self._stamp, self.violation, frozenset(stale)
            )
        except (CallTimeout, TooBusy) as error:
            facts = {"server": self._config.name, "why": str(error)}
            log.warning("lists not read again", extra={"fields": facts})
            self._mark_stale(stale)
            return
        self._tell_of(method for method, fields in CHANGES.items() if stale.intersection(fields))

    def _tell_of(self, changes: Iterable[str]) -> None:
        self.peer = self._known()
        self._link.peer_changed(self.peer)
        for method in changes:
            self.session.broadcast(method, b"")

    def _known(self) -> Peer:
        catalogue = self.session.catalogue
        if self.session.hello.stateless:
            kept, self.parameters = callable_tools(catalogue.tools, self.violation)
            catalogue = replace(catalogue, tools=kept)
        tools = tools_of(catalogue.tools, self.violation)
        names = frozenset(tool.name for tool in tools)
        self.session.catalogue = replace(catalogue, tool_names=names)
        return Peer(
            name=self._introduction.name,
            version=self._introduction.version,
            protocol_version=self.session.hello.protocol_version,
            pid=self.pid,
            tools=tools,
            prompt_count=len(catalogue.prompts),
            resource_count=len(catalogue.resources),
            concerns=self._concerns(),
        )

    def _concerns(self) -> tuple[Concern, ...]:
        concerns = [each for each in (self.trouble, self.lack) if each is not None]
        if self._hangs >= HANGS:
            text = f"It did not answer the last {HANGS} requests in time. Restart it."
            concerns.append(Concern(text, Action.RESTART))
        for field in sorted(self.session.catalogue.truncated):
            what = field.removesuffix("s").replace("_", " ")
            why = f"it has no end, or more than {ENTRIES_LIMIT} entries"
            concerns.append(Concern(f"{what.capitalize()} list truncated: {why}."))
        return tuple(concerns)

    def _limits(self) -> Limits:
        newest, met = self._link.config, self.peer is not None
        if self._limited is None or self._limited[0] is not newest or self._limited[1] is not met:
            # The hand-shake has a limit of its own, however short calls may be.
            timeout = newest.call_timeout if met else max(LONGEST, self._config.init_timeout)
            limits = Limits(newest.max_concurrent_requests, timeout)
            self._limited = (newest, met, limits)
        return self._limited[2]

    # --- what is noticed ----------------------------------------------------------------------

    def troubled(self, trouble: Concern | None) -> None:
        """The way to the server is worse than it should be, or is well again."""
        self.trouble = trouble
        self._concerned()

    def lacks(self, lack: Concern) -> None:
        """A call was refused for want of a permission, which a person can give."""
        self.lack = lack
        self._concerned()

    def _hung(self, hangs: int) -> None:
        """Tell when a server stops answering, and when it answers again."""
        worse = self._hangs < HANGS <= hangs
        better = hangs < HANGS <= self._hangs
        self._hangs = hangs
        if worse or better:
            self._concerned()

    def _concerned(self) -> None:
        if self.peer is not None:
            self.peer = replace(self.peer, concerns=self._concerns())
            self._link.peer_changed(self.peer)

    def _notified(self, method: str, params: bytes) -> None:
        changed = CHANGES.get(method)
        if changed is None:
            self.session.broadcast(method, params)
            return
        self._mark_stale(changed)

    def _mark_stale(self, lists: Iterable[str]) -> None:
        self._stale.update(lists)
        self._want()

    def _want(self) -> None:
        if not self._wanted.done():
            self._wanted.set_result(None)

    def violation(self, kind: str, what: str) -> None:
        """Count, log and once tell of something that MCP does not allow."""
        self._means.counters.protocol_violations.inc(self._config.name, kind)
        self.log.note(f"[not MCP: {kind}] {what}")
        if not self.violations:
            why = redacted(what, self._secrets)
            facts = {"server": self._config.name, "kind": kind, "what": why}
            log.warning("server sends what is not MCP; more is in its log", extra={"fields": facts})
        self.violations += 1

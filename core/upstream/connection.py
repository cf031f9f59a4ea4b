"""One connection to one stdio server, from spawn to the last process gone, in one task.

Nothing is started beside the task that runs it. What ends the connection (the process, its
output, the wish to close) completes ``_down`` and fails every request in flight, so that each
await below ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from core.model.config import EnvironmentPolicy, ServerConfig, Stdio
from core.model.faults import Action, Fault, FaultCode
from core.model.status import Concern, Peer
from core.ports import Link
from core.protocol.calls import CallTimeout, ConnectionLost, TooBusy
from core.telemetry.counters import Counters
from core.upstream import classify
from core.upstream.child import Child, Grace
from core.upstream.environment import MissingSecret, SearchPath, redacted
from core.upstream.handshake import (
    CHANGES,
    ENTRIES_LIMIT,
    BadHandshake,
    Introduction,
    list_everything,
    shake_hands,
    tools_of,
)
from core.upstream.intake import Frame
from core.upstream.launch import Launch, prepare
from core.upstream.multiplexer import Multiplexer
from core.upstream.ownership import end_marked
from core.upstream.patience import LONGEST, Patience
from core.upstream.pending import Limits, Lines
from core.upstream.reaper import Reaper
from core.upstream.server_log import ServerLog
from core.upstream.starts import Starts, Turn

REFRESH_EVERY = 2.0  # seconds at least between two re-readings of a server's lists
HANGS = 3  # requests in a row without an answer after which a person is told

AT_ONCE = Grace(after_eof=0.0, after_terminate=0.0)

log = logging.getLogger(__name__)

OpenLog = Callable[[ServerConfig], Callable[[str], None]]
"""Gives the way to write lines into a server's own log."""


class StdioConnector:
    """Implements ``core.ports.Connector`` for servers that are child processes."""

    def __init__(
        self,
        *,
        version: str,
        environ: Mapping[str, str],
        policy: Callable[[], EnvironmentPolicy],
        grace: Callable[[], Grace],
        open_log: OpenLog,
        counters: Counters,
        reaper: Reaper,
    ) -> None:
        self.version = version
        self.counters = counters
        self.open_log = open_log
        self._environ = environ
        self._policy = policy
        self._grace = grace
        self._reaper = reaper
        self._starts = Starts()
        self.search_path = SearchPath(environ)

    async def __call__(self, config: ServerConfig, link: Link) -> Fault | None:
        if not isinstance(config.transport, Stdio):
            return Fault(
                FaultCode.UNSUPPORTED,
                "This version starts servers by command; servers by url cannot be used yet.",
            )
        path = await self.search_path.get()
        try:
            launch = await asyncio.to_thread(
                prepare, config.transport, self._policy(), self._environ, path
            )
        except MissingSecret as error:
            return classify.missing_secret(str(error))
        if isinstance(launch, Fault):
            return launch
        turn = await self._starts.turn(unless=link.closing)
        if turn is None:
            return None
        try:
            mark = await self._reaper.ready()
            connection = _Connection(self, config, link, launch.marked(mark), turn)
            grace = AT_ONCE  # unless it ends in peace: being cancelled is no time to wait
            try:
                fault = await connection.run(self._reaper)
                grace = self._grace()
            finally:
                await self._close(connection.child, mark, grace)
            return fault
        finally:
            turn.end()

    async def _close(self, child: Child, mark: str, grace: Grace) -> None:
        """End the child, its group, and what left the group.

        A child that is gone gets no grace: until this returns it is still shown as it was.
        """
        await child.close(AT_ONCE if child.gone.done() else grace)
        if child.started:
            await asyncio.to_thread(end_marked, mark)
            self._reaper.remove(child.pid)


class _Connection:
    def __init__(
        self,
        connector: StdioConnector,
        config: ServerConfig,
        link: Link,
        launch: Launch,
        turn: Turn,
    ) -> None:
        self._turn = turn
        self._connector = connector
        self._config = config
        self._link = link
        self._launch = launch
        loop = asyncio.get_running_loop()
        self._log = ServerLog(connector.open_log(config), launch.secrets, loop.time)
        self._deadline: asyncio.Timeout | None = None  # set during the hand-shake
        self._patience: Patience | None = None
        self._peer: Peer | None = None  # set once it is ready
        self._hangs = 0  # requests in a row that were not answered in time
        self._violations = 0
        self._down: asyncio.Future[None] = loop.create_future()
        self._stale: set[str] = set()  # lists the server said have changed
        self._stale_told: asyncio.Future[None] = loop.create_future()
        self._refreshed_at = 0.0
        self.child = Child(self)
        self._session = Multiplexer(
            Lines(self.child.write),
            limits=self._limits,
            violation=self._violation,
            notified=self._notified,
            hung=self._hung,
        )

    async def run(self, reaper: Reaper) -> Fault | None:
        """Returns why it ended; the caller closes the child."""
        try:
            await self.child.start(self._launch.argv, self._launch.env, self._launch.working_dir)
        except OSError as error:
            return classify.spawn_failed(self._launch.argv[0], error)
        reaper.add(self.child.pid)
        self.child.gone.add_done_callback(self._bring_down)
        self._link.closing.add_done_callback(self._bring_down)
        try:
            return await self._talk()
        except ConnectionLost:
            return self._why_ended()
        finally:
            self._link.closing.remove_done_callback(self._bring_down)
            self._session.lose()
            self._log.close()

    async def _talk(self) -> Fault | None:
        now = asyncio.get_running_loop().time()
        command = self._launch.argv[0]
        self._patience = patience = Patience(command, self._config.init_timeout, now)
        try:
            async with asyncio.timeout_at(patience.until) as self._deadline:
                introduction = await shake_hands(self._session, self._connector.version)
                self._session.catalogue = await list_everything(self._session, self._violation)
        except (TimeoutError, CallTimeout):
            return classify.handshake_timeout(patience.seconds, self._log.tail())
        except BadHandshake as error:
            why = redacted(str(error), self._launch.secrets)
            return classify.handshake_invalid(why, self._log.tail())
        finally:
            self._deadline = None
        self._turn.end()
        self._peer = self._known(introduction)
        self._link.connected(self._session, self._peer)
        while not self._down.done():
            await asyncio.wait([self._down, self._stale_told], return_when=asyncio.FIRST_COMPLETED)
            if self._stale:
                await self._refresh(introduction)
        return self._why_ended()

    async def _refresh(self, introduction: Introduction) -> None:
        """Re-read what changed, at most once in a while however often the server says so."""
        loop = asyncio.get_running_loop()
        due_in = self._refreshed_at + REFRESH_EVERY - loop.time()
        if due_in > 0:
            await asyncio.wait([self._down], timeout=due_in)
        if self._down.done():
            return
        stale, self._stale = self._stale, set()
        self._stale_told = loop.create_future()
        self._refreshed_at = loop.time()
        try:
            self._session.catalogue = await list_everything(
                self._session, self._violation, frozenset(stale)
            )
        except (CallTimeout, TooBusy) as error:
            log.warning(
                "lists not read again",
                extra={"fields": {"server": self._config.name, "why": str(error)}},
            )
            self._mark_stale(stale)
            return
        self._peer = self._known(introduction)
        self._link.peer_changed(self._peer)
        for method, fields in CHANGES.items():
            if stale.intersection(fields):
                self._session.broadcast(method, b"")

    def _known(self, introduction: Introduction) -> Peer:
        catalogue = self._session.catalogue
        tools = tools_of(catalogue.tools, self._violation)
        names = frozenset(tool.name for tool in tools)
        self._session.catalogue = replace(catalogue, tool_names=names)
        return Peer(
            name=introduction.name,
            version=introduction.version,
            protocol_version=self._session.hello.protocol_version,
            pid=self.child.pid,
            tools=tools,
            prompt_count=len(catalogue.prompts),
            resource_count=len(catalogue.resources),
            concerns=self._concerns(),
        )

    def _concerns(self) -> tuple[Concern, ...]:
        concerns = []
        if self._hangs >= HANGS:
            text = f"It did not answer the last {HANGS} requests in time. Restart it."
            concerns.append(Concern(text, Action.RESTART))
        for field in sorted(self._session.catalogue.truncated):
            what = field.removesuffix("s").replace("_", " ")
            why = f"it has no end, or more than {ENTRIES_LIMIT} entries"
            concerns.append(Concern(f"{what.capitalize()} list truncated: {why}."))
        return tuple(concerns)

    def _limits(self) -> Limits:
        newest = self._link.config
        # The hand-shake has a limit of its own, however short calls may be.
        timeout = newest.call_timeout if self._peer else max(LONGEST, self._config.init_timeout)
        return Limits(newest.max_concurrent_requests, timeout)

    # --- what arrives -------------------------------------------------------------------------

    def received(self, frame: Frame) -> bool:
        before = self._violations
        self._session.received(frame)
        return self._violations == before

    def said(self, line: str) -> None:
        self._log.said(line)

    def stirred(self) -> None:
        """Give a server more time to start while it is still being downloaded."""
        deadline, patience = self._deadline, self._patience
        if deadline is None or patience is None or deadline.expired():
            return
        known = patience.stretched
        patience.stirred(asyncio.get_running_loop().time())
        if patience.stretched:
            deadline.reschedule(patience.until)
            if not known:
                self._link.fetching()

    def input_full(self) -> None:
        self._session.input_full()

    def input_free(self) -> None:
        self._session.input_free()

    def _hung(self, hangs: int) -> None:
        """Tell when a server stops answering, and when it answers again."""
        worse = self._hangs < HANGS <= hangs
        better = hangs < HANGS <= self._hangs
        self._hangs = hangs
        if (worse or better) and self._peer is not None:
            self._peer = replace(self._peer, concerns=self._concerns())
            self._link.peer_changed(self._peer)

    def _notified(self, method: str, params: bytes) -> None:
        changed = CHANGES.get(method)
        if changed is None:
            self._session.broadcast(method, params)
            return
        self._mark_stale(changed)

    def _mark_stale(self, lists: Iterable[str]) -> None:
        self._stale.update(lists)
        if not self._stale_told.done():
            self._stale_told.set_result(None)

    def _bring_down(self, _: asyncio.Future[None]) -> None:
        if not self._down.done():
            self._down.set_result(None)
        self._session.lose()

    def _violation(self, kind: str, what: str) -> None:
        self._connector.counters.protocol_violations.inc(self._config.name, kind)
        self._log.note(f"[not MCP: {kind}] {what}")
        if not self._violations:
            why = redacted(what, self._launch.secrets)
            facts = {"server": self._config.name, "kind": kind, "what": why}
            log.warning("server sends what is not MCP; more is in its log", extra={"fields": facts})
        self._violations += 1

    # --- the end ------------------------------------------------------------------------------

    def _why_ended(self) -> Fault | None:
        if self._link.closing.done():
            return None
        if self.child.flooded:
            return classify.flooded(self._log.tail())
        returncode = self.child.returncode
        if returncode is None:
            return classify.pipe_closed(self.child.closed_pipe, self._log.tail())
        return classify.exited(returncode, self._peer is not None, self._log.tail())

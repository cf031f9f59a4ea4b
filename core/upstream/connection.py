"""One connection to one stdio server, from spawn to the last process gone, in one task.

Nothing is started beside the task that runs it. What ends the connection (the process, its
output, the wish to close) completes ``_down`` and fails every request in flight, so that each
await below ends by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from core.model.config import EnvironmentPolicy, ServerConfig, Stdio
from core.model.faults import Fault
from core.ports import Keyring, Link
from core.protocol.calls import CallTimeout, ConnectionLost
from core.upstream import classify
from core.upstream.child import Child, Grace
from core.upstream.conversation import SHARED, Conversation, Means, Terms
from core.upstream.environment import SearchPath, redacted
from core.upstream.eras import Eras
from core.upstream.handshake import BadHandshake, Era
from core.upstream.intake import Frame
from core.upstream.launch import Launch, prepare
from core.upstream.ownership import Sweep
from core.upstream.patience import Patience
from core.upstream.pending import Lines
from core.upstream.reaper import Reaper
from core.upstream.starts import Starts, Turn
from core.upstream.values import MissingSecret, values_for

AT_ONCE = Grace(after_eof=0.0, after_terminate=0.0)


class StdioConnector:
    """Implements ``core.ports.Connector`` for servers that are child processes."""

    def __init__(
        self,
        *,
        means: Means,
        environ: Mapping[str, str],
        keyring: Keyring,
        policy: Callable[[], EnvironmentPolicy],
        grace: Callable[[], Grace],
        reaper: Reaper,
    ) -> None:
        self.means = means
        self._eras = Eras()
        self._environ = environ
        self._keyring = keyring
        self._policy = policy
        self._grace = grace
        self._reaper = reaper
        self._starts = Starts()
        self._sweep = Sweep()
        self.search_path = SearchPath(environ)

    async def __call__(
        self, config: ServerConfig, link: Link, terms: Terms = SHARED
    ) -> Fault | None:
        assert isinstance(config.transport, Stdio)
        path = await self.search_path.get()
        policy = self._policy()
        values = await values_for(config.texts(policy), self._environ, self._keyring)
        if isinstance(values, Fault):
            return values
        try:
            launch = await asyncio.to_thread(prepare, config.transport, policy, values, path)
        except MissingSecret as error:
            return classify.missing_secret(str(error))
        if isinstance(launch, Fault):
            return launch
        turn = await self._starts.turn(unless=link.closing)
        if turn is None:
            return None
        try:
            mark = await self._reaper.ready()
            era = self._eras.of(config)
            connection = _Connection(self, config, link, launch.marked(mark), turn, era, terms)
            grace = AT_ONCE  # unless it ends in peace: being cancelled is no time to wait
            try:
                fault = await connection.run(self._reaper)
                grace = self._grace()
                if fault is not None or connection.talk.peer is not None:
                    self._eras.learn(config, connection.talk)
            finally:
                await self._close(connection.child, mark, grace, link)
            return fault
        finally:
            turn.end()

    async def _close(self, child: Child, mark: str, grace: Grace, link: Link) -> None:
        """End the child, its group, and what left the group.

        A child that is gone gets no grace: until this returns it is still shown as it was.
        """
        await child.close(AT_ONCE if child.gone.done() else grace, link.forcing)
        if child.started:
            await self._sweep.end(mark)
            self._reaper.remove(child.pid)


class _Connection:
    def __init__(
        self,
        connector: StdioConnector,
        config: ServerConfig,
        link: Link,
        launch: Launch,
        turn: Turn,
        era: Era,
        terms: Terms,
    ) -> None:
        self._turn = turn
        self._era = era
        self._config = config
        self._link = link
        self._launch = launch
        self._deadline: asyncio.Timeout | None = None  # set during the hand-shake
        self._patience: Patience | None = None
        self.child = Child(self)
        self.talk = Conversation(
            connector.means, config, link, Lines(self.child.write), launch.secrets, terms
        )

    async def run(self, reaper: Reaper) -> Fault | None:
        """Returns why it ended; the caller closes the child."""
        try:
            await self.child.start(self._launch.argv, self._launch.env, self._launch.working_dir)
        except OSError as error:
            return classify.spawn_failed(self._launch.argv[0], error)
        reaper.add(self.child.pid)
        self.talk.pid = self.child.pid
        self.child.gone.add_done_callback(self._bring_down)
        self._link.closing.add_done_callback(self._bring_down)
        try:
            return await self._talk()
        except ConnectionLost:
            return self._why_ended()
        finally:
            self._link.closing.remove_done_callback(self._bring_down)
            self.talk.bring_down()
            self.talk.log.close()

    async def _talk(self) -> Fault | None:
        now = asyncio.get_running_loop().time()
        command = self._launch.argv[0]
        self._patience = patience = Patience(command, self._config.init_timeout, now)
        try:
            async with asyncio.timeout_at(patience.until) as self._deadline:
                await self.talk.open(self._era)
        except (TimeoutError, CallTimeout):
            return classify.handshake_timeout(patience.seconds, self.talk.log.tail())
        except BadHandshake as error:
            why = redacted(str(error), self._launch.secrets)
            return classify.handshake_invalid(why, self.talk.log.tail())
        finally:
            self._deadline = None
        self._turn.end()
        await self.talk.serve()
        return self._why_ended()

    # --- what arrives -------------------------------------------------------------------------

    def received(self, frame: Frame) -> bool:
        before = self.talk.violations
        self.talk.session.received(frame)
        return self.talk.violations == before

    def said(self, line: str) -> None:
        self.talk.log.said(line)

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
        self.talk.session.input_full()

    def input_free(self) -> None:
        self.talk.session.input_free()

    def _bring_down(self, _: asyncio.Future[None]) -> None:
        self.talk.bring_down()

    # --- the end ------------------------------------------------------------------------------

    def _why_ended(self) -> Fault | None:
        if self._link.closing.done():
            return None
        tail = self.talk.log.tail()
        if self.child.flooded:
            return classify.flooded(tail)
        returncode = self.child.returncode
        if returncode is None:
            return classify.pipe_closed(self.child.closed_pipe, tail)
        command = self._launch.argv[0]
        return classify.exited(command, returncode, self.talk.peer is not None, tail)

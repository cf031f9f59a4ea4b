"""One actor per server: inbox -> transition -> effects -> publish, never awaiting anything.

``post`` runs an event to completion before the next; what arrives meanwhile waits in the inbox.
Since no step can await, a Stop or Restart never queues behind slow work: effects are started
here and finish elsewhere, in the one task that is the whole connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from core.engine.sessions import LiveSessions
from core.engine.store import Store
from core.lifecycle import machine
from core.lifecycle.status import FAULTY, Delay, Times, phase_of, view
from core.model.config import ServerConfig, ServerName
from core.model.faults import Fault, FaultCode, FaultKind
from core.model.status import Peer
from core.ports import Approvals, Clock, Connector, Timer
from core.protocol.calls import Session
from core.telemetry.counters import Counters

CLOSE_LIMIT = 15.0  # seconds a connection gets to close itself before its task is cancelled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """What every actor shares."""

    connect: Connector
    tasks: asyncio.TaskGroup
    clock: Clock
    store: Store
    sessions: LiveSessions
    counters: Counters
    approvals: Approvals


@dataclass(eq=False, slots=True)
class _Connection:
    """One opened connection as its actor knows it; also the ``Link`` it reports through."""

    actor: Actor
    epoch: int
    opened_at: float
    closing: asyncio.Future[None]
    delay: Delay | None = None
    session: Session | None = None
    task: asyncio.Task[Fault | None] | None = None
    limit: Timer | None = None

    @property
    def config(self) -> ServerConfig:
        return self.actor.config

    def fetching(self) -> None:
        self.delay = Delay.DOWNLOADING
        self.actor.publish()

    def forcing(self) -> None:
        self.delay = Delay.FORCING
        self.actor.publish()

    def connected(self, session: Session, peer: Peer) -> None:
        self.session = session
        self.actor.post(machine.Connected(self.epoch, self.actor.world.clock.now(), peer))

    def peer_changed(self, peer: Peer) -> None:
        self.actor.post(machine.PeerChanged(self.epoch, peer))


CAUSES = ("stopped", "crash", "start_failure", "permanent")


def _cause(fault: Fault | None, was_ready: bool) -> str:
    """Why a connection ended, as one of ``CAUSES``; as it was asked to is ``stopped``."""
    if fault is None:
        return "stopped"
    if fault.kind is not FaultKind.TRANSIENT:
        return "permanent"
    return "crash" if was_ready else "start_failure"


class Actor:
    """Keeps one server as its configuration wants it."""

    def __init__(
        self, config: ServerConfig, world: World, on_step: Callable[[Actor], None]
    ) -> None:
        self.world = world
        self._model = machine.Model(config)
        self._on_step = on_step
        self._inbox: deque[machine.Event] = deque()
        self._stepping = False
        self._connection: _Connection | None = None
        self._retry: Timer | None = None
        self._since = world.clock.wall()

    @property
    def name(self) -> ServerName:
        return self._model.config.name

    @property
    def config(self) -> ServerConfig:
        """The newest configuration the actor was given."""
        return self._model.config

    @property
    def removed(self) -> bool:
        return isinstance(self._model.state, machine.Removed)

    @property
    def leaving(self) -> bool:
        """Whether removal was asked for; it is final."""
        state = self._model.state  # asked of every server whenever the file changes
        if isinstance(state, machine.Stopping):
            return state.then is machine.Then.REMOVE
        return self.removed

    def begin(self) -> None:
        """Act on the configuration for the first time, and be seen."""
        self._start_at_zero()
        self.post(machine.Configure(self.config))
        if self.name not in self.world.store.snapshot.servers:
            self.publish()

    def kill(self) -> None:
        """End the connection's task now; being cancelled, it kills what it started."""
        if self._connection is not None and self._connection.task is not None:
            self._connection.task.cancel()

    def post(self, event: machine.Event) -> None:
        """Take an event; on the engine's thread only."""
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._step(self._inbox.popleft())
        finally:
            self._stepping = False

    def _step(self, event: machine.Event) -> None:
        before = self._model
        after, effects = machine.transition(before, event)
        if after == before:
            return
        self._model = after
        self._count(before, event, after)
        if type(after.state) is not type(before.state):
            self._since = self.world.clock.wall()
            self._keep_session()
        for effect in effects:
            self._perform(effect)
        self.publish()
        self._on_step(self)

    def _keep_session(self) -> None:
        """The data plane sees a session exactly while READY, and before READY is published."""
        if isinstance(self._model.state, machine.Ready):
            assert self._connection is not None
            assert self._connection.session is not None
            self.world.sessions.put(self.name, self._connection.session)
        else:
            self.world.sessions.drop(self.name)

    def publish(self) -> None:
        """Tell the world what is known, in the machine and beside it."""
        retry_at = None
        state = self._model.state
        if isinstance(state, machine.Backoff):
            clock = self.world.clock
            retry_at = clock.wall() + timedelta(seconds=state.retry_at - clock.now())
        delay = self._connection.delay if self._connection is not None else None
        tools = state.peer.tools if isinstance(state, machine.Ready) else None
        judgement = self.world.approvals.judge(self.config, tools)
        status = view(self._model, Times(self._since, retry_at), judgement, delay)
        if status is None:
            self.world.store.remove(self.name)
        else:
            self.world.store.publish(status)

    # --- effects ------------------------------------------------------------------------------

    def _perform(self, effect: machine.Effect) -> None:
        match effect:
            case machine.OpenConnection(epoch, config):
                self._open(epoch, config)
            case machine.CloseConnection():
                self._close()
            case machine.StartRetryTimer(epoch, at):
                self._retry = self.world.clock.call_at(
                    at, lambda: self.post(machine.RetryDue(epoch))
                )
            case machine.CancelRetryTimer():
                assert self._retry is not None
                self._retry.cancel()
                self._retry = None
            case _:
                assert_never(effect)

    def _open(self, epoch: int, config: ServerConfig) -> None:
        closing = asyncio.get_running_loop().create_future()
        self.world.counters.server_starts.inc(self.name)
        connection = _Connection(self, epoch, self.world.clock.now(), closing)
        self._connection = connection
        connection.task = self.world.tasks.create_task(
            _contained(self.world.connect, config, connection), name=f"server {config.name}"
        )
        # From the done callback, not from a `finally`: a task cancelled before its first step
        # never enters its body, and every opened connection has to be reported as ended.
        connection.task.add_done_callback(lambda task: self._ended(connection, task))

    def _close(self) -> None:
        connection = self._connection
        assert connection is not None
        assert connection.task is not None
        connection.closing.set_result(None)
        clock = self.world.clock
        connection.limit = clock.call_at(clock.now() + CLOSE_LIMIT, connection.task.cancel)

    def _ended(self, connection: _Connection, task: asyncio.Task[Fault | None]) -> None:
        if connection.limit is not None:
            connection.limit.cancel()
        fault = None if task.cancelled() else task.result()
        self.post(machine.Ended(connection.epoch, self.world.clock.now(), fault))

    # --- what is counted and logged -----------------------------------------------------------

    def _start_at_zero(self) -> None:
        """Make visible what is known in advance, so that rates see the first of each."""
        counters = self.world.counters
        counters.begin_server(self.name)
        counters.actor_retries.start_at_zero(self.name)
        counters.server_starts.start_at_zero(self.name)
        for cause in CAUSES:
            counters.server_exits.start_at_zero(self.name, cause)
        for result in ("success", "failed"):
            counters.actor_connect_duration.start_at_zero(self.name, result)
        for code in FaultCode:
            counters.actor_failures.start_at_zero(self.name, code)
        counters.server_last_ready.set(0, self.name)

    def _count(self, before: machine.Model, event: machine.Event, after: machine.Model) -> None:
        counters = self.world.counters
        from_state = phase_of(before.state) or "removed"
        to_state = phase_of(after.state) or "removed"
        if from_state != to_state:
            counters.actor_state_transitions.inc(self.name, from_state, to_state)
        if isinstance(before.state, machine.Connecting) and self._connection is not None:
            took = self.world.clock.now() - self._connection.opened_at
            if isinstance(event, machine.Connected):
                counters.actor_connect_duration.observe(took, self.name, "success")
            elif isinstance(event, machine.Ended):
                counters.actor_connect_duration.observe(took, self.name, "failed")
        if isinstance(event, machine.RetryDue):
            counters.actor_retries.inc(self.name)
        fault = after.state.fault if isinstance(after.state, FAULTY) else None
        if isinstance(event, machine.Ended):
            was_ready = isinstance(before.state, machine.Ready)
            counters.server_exits.inc(self.name, _cause(event.fault, was_ready))
        if isinstance(event, machine.Ended) and fault is not None:
            counters.actor_failures.inc(self.name, fault.code)
            log.warning(
                "server failed",
                extra={"fields": {"server": self.name, "code": fault.code, "why": fault.message}},
            )
        elif from_state != to_state:
            log.info(
                "server state",
                extra={"fields": {"server": self.name, "from": from_state, "to": to_state}},
            )


async def _contained(
    connect: Connector, config: ServerConfig, connection: _Connection
) -> Fault | None:
    """The barrier: a bug in a connection fails that server, and nothing else."""
    try:
        return await connect(config, connection)
    except ImportError as error:
        facts = {"server": config.name, "why": str(error)}
        log.warning("files of the program are missing", extra={"fields": facts})
        return Fault(
            FaultCode.INTERNAL,
            "The files of MCP Proxy Tray were replaced or removed while it runs. Quit it and "
            "start it again to finish the update.",
        )
    except Exception as bug:
        log.exception("bug in a connection", extra={"fields": {"server": config.name}})
        return Fault(
            FaultCode.INTERNAL,
            f"A bug in MCP Proxy Tray stopped this server ({type(bug).__name__}: {bug}).",
        )

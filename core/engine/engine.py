"""The engine: configuration in, snapshots out; the door through which everyone else comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import assert_never

from core.engine.actor import World
from core.engine.sessions import LiveSessions
from core.engine.store import Store
from core.engine.supervisor import Supervisor
from core.engine.unguarded import Unguarded
from core.errors import EngineStopped, NotNow, UnknownServer
from core.model.config import Config, Http
from core.model.intents import (
    AddServers,
    ApprovalIntent,
    ApproveServer,
    ApproveTools,
    ChangeServer,
    Intent,
    Login,
    Logout,
    PauseAll,
    RemoveServer,
    ReplaceConfig,
    RestartServer,
    RestoreConfig,
    RetryNow,
    SecretChanged,
    SetEnabled,
    SetQuarantined,
    Show,
    Shutdown,
    SignInIntent,
)
from core.model.notices import Notice, NoticeCode, Severity
from core.model.status import ConfigProblem, EnginePhase, Snapshot
from core.ports import Approvals, Clock, ConfigSource, Connector, SignIns
from core.subscription import Slot
from core.telemetry.counters import Counters

log = logging.getLogger(__name__)


class Engine:
    """Implements ``core.ports.Door``; lives on one thread, inside one task group."""

    def __init__(
        self,
        *,
        source: ConfigSource,
        connect: Connector,
        tasks: asyncio.TaskGroup,
        clock: Clock,
        counters: Counters,
        approvals: Approvals | None = None,
        sign_ins: SignIns | None = None,
    ) -> None:
        """``approvals``: without, everything that servers list is offered as it is.
        ``sign_ins``: without, nobody can sign in to a server."""
        self.store = Store(clock, counters)
        self.sessions = LiveSessions()
        self.shutdown_asked = asyncio.Event()
        self.haste_asked = asyncio.Event()  # somebody asked to shut down once more
        self._source = source
        self._approvals = approvals or Unguarded()
        self._supervisor = Supervisor(
            World(connect, tasks, clock, self.store, self.sessions, counters, self._approvals)
        )
        self._approvals.on_change(self._supervisor.show_again)
        self._sign_ins = sign_ins
        if sign_ins is not None:
            sign_ins.on_change(self._supervisor.credentials_changed)
        self._watching: asyncio.Task[None] | None = None

    @property
    def snapshot(self) -> Snapshot:
        return self.store.snapshot

    def subscribe(self, wake: Callable[[], object]) -> Slot:
        return self.store.subscribe(wake)

    def notices_since(self, seq: int) -> tuple[tuple[Notice, ...], int]:
        return self.store.notices_since(seq)

    async def submit(self, intent: Intent) -> int:
        if isinstance(intent, Shutdown) and self.shutdown_asked.is_set():
            self.haste_asked.set()
            return self.snapshot.seq
        if self.snapshot.engine is EnginePhase.STOPPING:
            raise EngineStopped("MCP Proxy Tray is stopping and takes no more requests.")
        match intent:
            case RestartServer(name):
                self._supervisor.restart(name)
            case RetryNow(name):
                self._supervisor.retry(name)
            case SetEnabled(name, enabled):
                if name not in self.snapshot.config.servers:
                    raise UnknownServer(name, self.snapshot.config.servers)
                await self._source.set_enabled(name, enabled)
            case Login() | Logout():
                await self._sign(intent)
            case SetQuarantined() | ApproveTools() | ApproveServer():
                await self._approve(intent)
            case AddServers() | ChangeServer() | RemoveServer() | ReplaceConfig() | PauseAll():
                await self._source.edit(intent)
            case RestoreConfig():
                await self._source.restore()
            case SecretChanged(secret):
                self.secret_changed(secret)
            case Show():
                self.store.notice(NoticeCode.SHOW)
            case Shutdown():
                self.shutdown_asked.set()
            case _:
                assert_never(intent)
        return self.snapshot.seq

    async def _sign(self, intent: SignInIntent) -> None:
        """Raises UnknownServer, NotNow, SignInFailed or NotKept."""
        name, servers = intent.name, self.snapshot.config.servers
        config = servers.get(name)
        if self._sign_ins is None:
            raise NotNow("Nobody can sign in to servers here.")
        if isinstance(intent, Logout):
            if not await self._sign_ins.forget(name):
                raise (
                    UnknownServer(name, servers)
                    if config is None
                    else NotNow(f"Nobody is signed in to {name}.")
                )
            return
        if config is None:
            raise UnknownServer(name, servers)
        if not isinstance(config.transport, Http):
            raise NotNow(f"{name} runs on this computer, so there is nothing to sign in to.")
        if not config.enabled:
            raise NotNow(f"{name} is disabled, so nobody can sign in to it. Enable it first.")
        if config.transport.says_who_asks:
            raise NotNow(
                f"The entry of {name} has an Authorization header, which is what {name} gets. Take "
                "it out of the config file to sign in instead."
            )
        await self._sign_ins.begin(config)

    async def _approve(self, intent: ApprovalIntent) -> None:
        """Raises UnknownServer, NotAsSeen, NotKept, ConfigError or ConfigNotWritten."""
        name = intent.name
        config = self.snapshot.config.servers.get(name)
        status = self.snapshot.servers.get(name)
        if config is None or status is None:
            raise UnknownServer(name, self.snapshot.config.servers)
        tools = status.peer.tools if status.peer is not None else None
        match intent:
            case ApproveTools(_, seen):
                await self._approvals.approve_tools(config, tools or (), dict(seen))
            case ApproveServer(_, seen):
                await self._approvals.approve_server(config, tools, seen)
                if config.quarantined and not config.enabled:
                    # It was proposed and never ran: whoever agrees to it wants it to run.
                    released = {"quarantined": False, "enabled": True}
                    await self._source.edit(ChangeServer(name, released))
                else:
                    await self._source.set_quarantined(name, False)
            case SetQuarantined(_, False):
                await self._approvals.release(config, tools)
                await self._source.set_quarantined(name, False)
            case SetQuarantined(_, True):
                await self._source.set_quarantined(name, True)

    async def until(self, condition: Callable[[Snapshot], bool], timeout: float | None) -> Snapshot:
        changed = asyncio.Event()
        slot = self.subscribe(changed.set)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    changed.clear()
                    batch = slot.take()
                    if batch is not None and condition(batch.snapshot):
                        return batch.snapshot
                    if slot.closed:
                        raise EngineStopped("MCP Proxy Tray is stopping.")
                    await changed.wait()
        finally:
            slot.close()

    # --- life ---------------------------------------------------------------------------------

    def start(self, config: Config) -> None:
        """Begin to supervise what the already loaded ``config`` wants."""
        self._loaded(config)

    def announce(self, endpoint: str) -> None:
        """The endpoint answers: the engine is up, and follows the file from now on.

        What becomes of the file before is not missed, for following begins with a look at it.
        """
        self.store.set_engine(EnginePhase.RUNNING, endpoint)
        # Beside the task group: a bug in following the file must not end the servers.
        self._watching = asyncio.create_task(
            self._source.watch(self._loaded, self._rejected), name="config watch"
        )
        self._watching.add_done_callback(_say_why_it_ended)

    def network_up(self) -> None:
        """Servers elsewhere that wait to be tried again are tried now."""
        self.store.notice(NoticeCode.NETWORK_UP)
        self._supervisor.network_up()

    def secret_changed(self, secret: str | None) -> None:
        """What refers to that secret and does not work is tried again; None: see the supervisor."""
        self._supervisor.secret_changed(secret, self.snapshot.config.environment)

    def refuse_work(self) -> None:
        """First step of stopping: no new work; every subscription ends, so streams say bye."""
        self.store.set_engine(EnginePhase.STOPPING)
        self.store.close_subscriptions()
        if self._watching is not None:
            self._watching.cancel()

    async def stop_servers(self, limit: float) -> bool:
        """Second step: end every server; True if all ended by themselves in time."""
        return await self._supervisor.stop(limit)

    def abandon_servers(self) -> None:
        """Last step: end what did not end in time, at once."""
        self._supervisor.kill()

    def _loaded(self, config: Config) -> None:
        if self.snapshot.engine is EnginePhase.STOPPING:
            return  # an edit that was being written when all servers were told to end
        before = self.snapshot.config
        first = before.revision == 0
        self.store.set_config(config)
        self._supervisor.want(config.servers)
        if config.quarantine_enabled is not before.quarantine_enabled:
            self._supervisor.show_again(None)
        if not first:
            self.store.notice(NoticeCode.CONFIG_APPLIED, revision=str(config.revision))

    def _rejected(self, problem: ConfigProblem) -> None:
        if problem != self.snapshot.config_problem:
            self.store.set_config_problem(problem)
            self.store.notice(NoticeCode.CONFIG_REJECTED, Severity.WARNING, why=str(problem))


def _say_why_it_ended(watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and watching.exception() is not None:
        log.error("bug: the config file is no longer followed", exc_info=watching.exception())

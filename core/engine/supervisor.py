"""Makes the running servers the wanted ones: one actor per server, reconciled by level.

Reconciliation compares what is wanted with what runs, whatever the occasion: of all servers when
there is a new configuration, and at the tick that catches what nobody foresaw; of one after a step
of its actor or an intent. Occasions of one loop turn share one comparison.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from core.engine.actor import Actor, World
from core.errors import NotNow, UnknownServer
from core.lifecycle import machine
from core.lifecycle.reconcile import plan
from core.model.config import EnvironmentPolicy, Http, ServerConfig, ServerName
from core.model.faults import FaultCode
from core.model.intents import RestartServer, RetryNow, ServerIntent, allowed
from core.model.references import keyring_names
from core.model.status import Phase
from core.ports import Timer

TICK = 8.0  # seconds; what waited is tried within ten of the computer waking up
RESUMED = 5.0  # seconds of sleep between two ticks after which waiting makes no sense any more

_WAY_OUT = {
    Phase.DISABLED: " Enable it first.",
    Phase.STOPPING: " Wait until it has ended.",
}

log = logging.getLogger(__name__)


class Supervisor:
    """Owns the actors; on the engine's thread only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._desired: Mapping[ServerName, ServerConfig] = MappingProxyType({})
        self._actors: dict[ServerName, Actor] = {}
        self._due: dict[ServerName, None] = {}  # whom to compare in the next turn of the loop
        self._tick: Timer | None = None
        self._slept = world.clock.slept()
        self._empty = asyncio.Event()
        self._empty.set()
        for result in ("success", "failed"):
            world.counters.supervisor_reconciliations.start_at_zero(result)
        world.counters.supervisor_reconciliation_duration.start_at_zero()

    def want(self, servers: Mapping[ServerName, ServerConfig]) -> None:
        """These servers, and no others, should exist from now on."""
        self._desired = servers
        if self._tick is None:
            self._arm_tick()
        self._reconcile_all()

    def restart(self, name: ServerName) -> None:
        """Raises UnknownServer, or NotNow when there is nothing to restart."""
        self._tell(name, RestartServer, machine.Restart())

    def retry(self, name: ServerName) -> None:
        """Raises UnknownServer, or NotNow when the server is not waiting to be tried again."""
        self._tell(name, RetryNow, machine.RetryNow())

    def credentials_changed(self, name: ServerName) -> None:
        """Somebody has signed in to a server, or out: the connection of before is another's."""
        actor = self._actors.get(name)
        if actor is not None:
            actor.post(machine.Restart())
            self._poke(name)

    def _tell(self, name: ServerName, intent: type[ServerIntent], event: machine.Event) -> None:
        actor = self._actors.get(name)
        status = self._world.store.snapshot.servers.get(name)
        if actor is None or status is None:
            raise UnknownServer(name, self._actors)
        if intent not in allowed(status):
            verb = "restarted" if intent is RestartServer else "tried again"
            hint = _WAY_OUT.get(status.phase, "")
            raise NotNow(f"{name} cannot be {verb} while it is {status.phase}.{hint}")
        actor.post(event)
        self._poke(name)

    def show_again(self, name: ServerName | None) -> None:
        """What may be used of a server, or of all (None), may be something else now."""
        for actor in list(self._actors.values()):
            if name in (None, actor.name) and not actor.removed:
                actor.publish()

    async def stop(self, limit: float) -> bool:
        """Remove every server, newest first; True if all had ended within ``limit`` seconds."""
        if self._tick is not None:
            self._tick.cancel()
        self._desired = MappingProxyType({})
        self._reconcile_all()
        try:
            async with asyncio.timeout(limit):
                await self._empty.wait()
        except TimeoutError:
            log.warning("servers did not end", extra={"fields": {"servers": list(self._actors)}})
            return False
        return True

    def kill(self) -> None:
        """End what still runs without waiting for it to end by itself."""
        for actor in self._actors.values():
            actor.kill()

    def _poke(self, name: ServerName) -> None:
        if not self._due:
            asyncio.get_running_loop().call_soon(self._reconcile_due)
        self._due[name] = None

    def _reconcile_due(self) -> None:
        due, self._due = self._due, {}
        self._reconcile(due)

    def _reconcile_all(self) -> None:
        self._reconcile({**dict.fromkeys(self._desired), **dict.fromkeys(self._actors)})

    def _reconcile(self, names: Iterable[ServerName]) -> None:
        counters = self._world.counters
        started = self._world.clock.now()
        try:
            self._apply(names)
        except Exception:
            # The second barrier: one bad comparison must not end all later ones.
            log.exception("bug in reconciliation")
            counters.supervisor_reconciliations.inc("failed")
        else:
            counters.supervisor_reconciliations.inc("success")
        took = self._world.clock.now() - started
        counters.supervisor_reconciliation_duration.observe(took)

    def _apply(self, names: Iterable[ServerName]) -> None:
        wanted: dict[ServerName, ServerConfig] = {}
        running: dict[ServerName, ServerConfig] = {}
        for name in names:
            actor, config = self._actors.get(name), self._desired.get(name)
            if actor is not None and actor.leaving:
                continue  # its end is the next occasion
            if actor is not None:
                running[name] = actor.config
            if config is not None:
                wanted[name] = config
        steps = plan(wanted, running)
        for config in steps.start:
            self._empty.clear()
            actor = self._actors[config.name] = Actor(config, self._world, self._stepped)
            actor.begin()
        for config in steps.update:
            self._actors[config.name].post(machine.Configure(config))
        for name in steps.remove:
            self._actors[name].post(machine.Remove())

    def _stepped(self, actor: Actor) -> None:
        if actor.removed:
            del self._actors[actor.name]
            self._world.counters.forget_server(actor.name)
            if not self._actors:
                self._empty.set()
        self._poke(actor.name)

    def _arm_tick(self) -> None:
        clock = self._world.clock
        self._tick = clock.call_at(clock.now() + TICK, self._on_tick)

    def _on_tick(self) -> None:
        self._arm_tick()
        before, self._slept = self._slept, self._world.clock.slept()
        if self._slept - before > RESUMED:
            self._resume()
        self._reconcile_all()

    def _resume(self) -> None:
        """The computer has slept: what was worth waiting for then is another matter now."""
        log.info("resumed", extra={"fields": {"servers": len(self._actors)}})
        self._try_waiting(list(self._actors.values()))

    def network_up(self) -> None:
        """There is a way to other computers again: what waits for one there is tried at once."""
        remote = [
            actor for actor in self._actors.values() if isinstance(actor.config.transport, Http)
        ]
        log.info("network up", extra={"fields": {"servers": len(remote)}})
        self._try_waiting(remote)

    def secret_changed(self, secret: str | None, policy: EnvironmentPolicy) -> None:
        """A secret is another one now, so what refers to it and does not work is tried at once.

        None: the keyring was locked, and no longer is.
        """
        for actor in list(self._actors.values()):
            status = self._world.store.snapshot.servers.get(actor.name)
            if status is None or status.fault is None:
                continue  # it works, with what it was started with
            if secret is None:
                concerned = status.fault.code is FaultCode.KEYRING_LOCKED
            else:
                concerned = secret in keyring_names(actor.config.texts(policy))
            if concerned:
                actor.post(machine.CredentialsChanged())

    def _try_waiting(self, actors: Iterable[Actor]) -> None:
        for actor in actors:
            status = self._world.store.snapshot.servers.get(actor.name)
            if status is not None and status.phase is Phase.BACKOFF:
                actor.post(machine.Restart())

"""An engine of real values without servers: the tray's tests say what is, and see what is asked."""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from core.engine.store import Store
from core.errors import UnknownServer
from core.lifecycle.status import health
from core.model.approvals import NOTHING, Hold, Review
from core.model.config import ServerConfig, ServerName, Stdio
from core.model.faults import Fault, FaultCode
from core.model.intents import Intent, RestartServer, SetEnabled, Shutdown
from core.model.notices import NoticeCode
from core.model.status import ConfigProblem, EnginePhase, Peer, Phase, ServerStatus, Snapshot
from core.model.tools import Tool
from core.ports import Timer
from core.subscription import Slot
from core.telemetry.counters import Counters

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ENDPOINT = "http://127.0.0.1:8080/mcp"


def status(
    name: str,
    phase: Phase = Phase.READY,
    *,
    fault: Fault | None = None,
    attempt: int = 1,
    retry_at: datetime | None = None,
    pid: int = 100,
    tools: int = 2,
    quarantined: bool = False,
    enabled: bool = True,
    review: Review = NOTHING,
) -> ServerStatus:
    """A server's status with the words the core gives it."""
    if quarantined:
        review = Review(hold=Hold.ASKED)
    config = ServerConfig(
        name=ServerName(name),
        transport=Stdio(command="true"),
        enabled=enabled and phase is not Phase.DISABLED,
        quarantined=review.quarantined,
    )
    peer = None
    if phase is Phase.READY:
        listed = tuple(Tool(f"tool{number}", b"{}") for number in range(tools))
        peer = Peer(name=name, version="1", pid=pid, tools=listed)
    if phase in (Phase.BACKOFF, Phase.FAILED, Phase.AUTH_REQUIRED) and fault is None:
        fault = Fault(FaultCode.CRASHED, "Ended with exit status 3.")
    return ServerStatus(
        name=config.name,
        phase=phase,
        health=health(phase, config, fault, peer, attempt, review),
        since=NOON,
        quarantined=review.quarantined,
        attempt=attempt,
        retry_at=retry_at,
        fault=fault,
        peer=peer,
        review=review,
    )


class StoppedClock:
    """Noon, for ever."""

    def now(self) -> float:
        return 0.0

    def wall(self) -> datetime:
        return NOON

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        raise AssertionError("no timers here")


class ScriptedEngine:
    """What ``tray_app.main`` needs of an engine. A lock stands for the engine's one thread.

    A restart of a server does what a real one shows: stopping, connecting, ready with a new
    pid. Shutdown stops. ``asked`` holds every intent; ``wait_asked`` waits for one.
    """

    def __init__(self, statuses: Iterable[ServerStatus] = (), endpoint: str = ENDPOINT) -> None:
        self.store = Store(StoppedClock(), Counters())
        self.asked: list[Intent] = []
        self.stopped: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._changed = threading.Condition(threading.RLock())
        self._pids = itertools.count(1000)
        self.store.set_engine(EnginePhase.RUNNING, endpoint)
        for each in statuses:
            self.store.publish(each)

    @property
    def snapshot(self) -> Snapshot:
        return self.store.snapshot

    def subscribe(self, wake: Callable[[], None]) -> Slot:
        with self._changed:
            return self.store.subscribe(wake)

    def submit(self, intent: Intent) -> concurrent.futures.Future[int]:
        answer: concurrent.futures.Future[int] = concurrent.futures.Future()
        with self._changed:
            self.asked.append(intent)
            self._changed.notify_all()
            try:
                self._carry_out(intent)
            except UnknownServer as refusal:
                answer.set_exception(refusal)
            else:
                answer.set_result(self.snapshot.seq)
        return answer

    def publish(self, *statuses: ServerStatus) -> None:
        with self._changed:
            for each in statuses:
                self.store.publish(each)

    def remove(self, name: str) -> None:
        with self._changed:
            self.store.remove(ServerName(name))

    def config_problem(self, problem: ConfigProblem) -> None:
        with self._changed:
            self.store.set_config_problem(problem)

    def notice(self, code: NoticeCode, server: str | None = None, **args: str) -> None:
        with self._changed:
            name = ServerName(server) if server is not None else None
            self.store.notice(code, server=name, **args)

    def stop(self) -> None:
        """The engine's thread has ended."""
        with self._changed:
            self.store.set_engine(EnginePhase.STOPPING)
            self.store.close_subscriptions()
        if not self.stopped.done():
            self.stopped.set_result(None)

    def wait_asked(self, intent: Intent, timeout: float = 10.0) -> None:
        """Raises AssertionError when it is not asked for in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: intent in self.asked, timeout):
                raise AssertionError(f"{intent} was not asked for, but {self.asked}")

    def _carry_out(self, intent: Intent) -> None:
        match intent:
            case RestartServer(name) | SetEnabled(name, _) if name not in self.snapshot.servers:
                raise UnknownServer(name, self.snapshot.servers)
            case RestartServer(name):
                for phase in (Phase.STOPPING, Phase.CONNECTING):
                    self.store.publish(status(name, phase))
                self.store.publish(status(name, pid=next(self._pids)))
            case SetEnabled(name, enabled):
                phase = Phase.READY if enabled else Phase.DISABLED
                self.store.publish(status(name, phase))
            case Shutdown():
                self.stop()
            case _:
                pass

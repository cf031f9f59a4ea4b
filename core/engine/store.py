"""The only writer of the snapshot: numbers every change and fills the subscribers' slots."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from core.model.chunked import Chunked
from core.model.config import Config, ServerName
from core.model.notices import Notice, NoticeCode, Severity
from core.model.status import ConfigProblem, EnginePhase, Phase, ServerStatus, Snapshot
from core.ports import Clock
from core.subscription import Slot
from core.telemetry.counters import Counters

NOTICES_KEPT = 256
ABSENT = "none"  # the state label of a server that does not exist yet, or no longer


class Store:
    """Holds the current snapshot; every method that changes it runs on the engine's thread."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._servers: Chunked[ServerName, ServerStatus] = Chunked()  # as in the snapshot
        self.snapshot = Snapshot(boot=secrets.token_hex(8), servers=self._servers)
        self._clock = clock
        self._counters = counters
        self._slots: list[Slot] = []
        self._closed = False
        self._notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self._first_notices_lost = 0  # seq of the newest notice that fell out of the ring

    def subscribe(self, wake: Callable[[], object]) -> Slot:
        """A slot that already holds the whole world: no gap between reading and listening."""
        slot = Slot(wake, self.snapshot)
        if self._closed:
            slot.close()
        else:
            self._slots.append(slot)
        return slot

    def publish(self, status: ServerStatus) -> None:
        """Show one server's new status."""
        before = self.snapshot
        seq = before.seq + 1
        shown = replace(status, rev=seq)
        previous = self._servers.get(status.name)
        self._servers = self._servers.put(status.name, shown)
        from_phase = previous.phase if previous is not None else ABSENT
        if from_phase != status.phase:
            self._counters.supervisor_state_changes.inc(status.name, from_phase, status.phase)
            if status.phase is Phase.READY:
                now = self._clock.wall().timestamp()
                self._counters.server_last_ready.set(now, status.name)
        self._replace(replace(before, seq=seq, servers=self._servers), status.name)

    def remove(self, name: ServerName) -> None:
        """Stop showing a server, if it is shown."""
        before = self.snapshot
        if name not in self._servers:
            return
        self._servers = self._servers.without(name)
        self._replace(replace(before, seq=before.seq + 1, servers=self._servers), name)

    def set_engine(self, phase: EnginePhase, endpoint: str | None = None) -> None:
        before = self.snapshot
        endpoint = endpoint or before.endpoint
        self._replace(replace(before, seq=before.seq + 1, engine=phase, endpoint=endpoint))

    def set_config(self, config: Config) -> None:
        """A good version of the file is active; an earlier problem is over."""
        self._counters.config_last_reload.set(self._clock.wall().timestamp())
        before = self.snapshot
        self._replace(replace(before, seq=before.seq + 1, config=config, config_problem=None))

    def set_config_problem(self, problem: ConfigProblem) -> None:
        """The newest version of the file is unusable; the previous one stays active."""
        before = self.snapshot
        self._replace(replace(before, seq=before.seq + 1, config_problem=problem))

    def set_storage_problem(self, problem: str) -> None:
        """What is wrong with the database now; empty when nothing is."""
        before = self.snapshot
        self._replace(replace(before, seq=before.seq + 1, storage_problem=problem))

    def notice(
        self,
        code: NoticeCode,
        severity: Severity = Severity.INFO,
        server: ServerName | None = None,
        **args: str,
    ) -> None:
        """Say that something happened; may be lost by slow consumers, who are told how many."""
        before = self.snapshot
        seq = before.seq + 1
        notice = Notice(
            seq=seq,
            at=self._clock.wall(),
            code=code,
            severity=severity,
            server=server,
            args=tuple(args.items()),
        )
        if len(self._notices) == NOTICES_KEPT:
            self._first_notices_lost = self._notices[0].seq
        self._notices.append(notice)
        self._replace(replace(before, seq=seq), notice=notice)

    def notices_since(self, seq: int) -> tuple[tuple[Notice, ...], int]:
        """Notices later than ``seq`` still kept, and 1 if some were lost since (else 0)."""
        kept = tuple(notice for notice in self._notices if notice.seq > seq)
        return kept, 1 if self._first_notices_lost > seq else 0

    def close_subscriptions(self) -> None:
        """Tell every consumer, also those who come later, that nothing more comes."""
        self._closed = True
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.close()

    def _replace(
        self, snapshot: Snapshot, *changed: ServerName, notice: Notice | None = None
    ) -> None:
        self.snapshot = snapshot
        closed = False
        for slot in self._slots:
            slot.offer(snapshot, changed, notice)
            closed = closed or slot.closed
        if closed:
            self._slots = [slot for slot in self._slots if not slot.closed]

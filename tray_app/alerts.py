"""When a notification is worth a person's attention, and when it has to go; pure.

What the menu and the icon show is true at once. A notification interrupts, so it comes only for
what needs the person, lasted for a moment, and was not said just before (ux.md C.5):

- sign-in is needed, tools or a server wait for a word, a server has failed for good;
- never in the first half minute, after the computer slept, or while snoozed;
- one for each incident, three or more together as one, gone when there is nothing left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.model.config import ServerName
from core.model.faults import Action
from core.model.status import Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.rows import problem_verbs

# All in seconds.
QUIET_AT_START = 30.0
QUIET_AFTER_SLEEP = 60.0
VISIBLE_AFTER = 5.0  # it has to last so long
VISIBLE_AFTER_REMOTE = 10.0  # networks come back by themselves more often
TOGETHER = 10.0  # so many seconds in which three become one
MANY = 3
AGAIN_AFTER = 5 * 60.0  # the same once in this time
HOUR, PER_HOUR = 3600.0, 3  # and so often at most
DAY = 24 * 3600.0  # sign-in once in this time


class Reason(StrEnum):
    """Why a person is needed."""

    LOGIN = "login"
    APPROVE = "approve"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Key:
    """One incident: what is the matter with which server."""

    reason: Reason
    server: ServerName


@dataclass(frozen=True, slots=True)
class Alert:
    """A notification; ``row_id`` is the menu row that its one action stands for."""

    id: str
    title: str
    body: str
    action: str = ""
    row_id: str = ""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to do now."""

    show: tuple[Alert, ...] = ()
    withdraw: tuple[str, ...] = ()  # ids


@dataclass(slots=True)
class _Incident:
    since: float
    visible_at: float
    alert: Alert
    shown_as: str = ""  # the id of the notification that says it


@dataclass(slots=True)
class Alerts:
    """What has been said and what is still to be said; ``now`` is monotonic seconds."""

    started: float
    _quiet_until: float = field(init=False)
    _snoozed_until: float = field(default=0.0, init=False)
    _incidents: dict[Key, _Incident] = field(default_factory=dict, init=False)
    _said: dict[Key, list[float]] = field(default_factory=dict, init=False)
    _recent: dict[str, float] = field(default_factory=dict, init=False)  # what was shown, when
    _open: set[str] = field(default_factory=set, init=False)
    _groups: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._quiet_until = self.started + QUIET_AT_START

    def slept(self, now: float) -> None:
        """The computer slept until now: much looks broken that comes back by itself."""
        self._quiet_until = max(self._quiet_until, now + QUIET_AFTER_SLEEP)

    def snooze(self, until: float) -> None:
        """Say nothing until then."""
        self._snoozed_until = until

    def due(self, snapshot: Snapshot, now: float) -> tuple[Orders, float | None]:
        """What to do now, and when to ask again if nothing changes before."""
        present = incidents(snapshot)
        gone = [key for key in self._incidents if key not in present]
        over = {self._incidents.pop(key).shown_as for key in gone} - {""}
        for key, alert in present.items():
            known = self._incidents.get(key)
            if known is None:
                remote = snapshot.servers[key.server].kind != "stdio"
                wait = VISIBLE_AFTER_REMOTE if remote else VISIBLE_AFTER
                self._incidents[key] = _Incident(now, now + wait, alert)
            else:
                known.alert = alert
        said_still = {incident.shown_as for incident in self._incidents.values()}
        withdraw = sorted(over - said_still)
        self._open.difference_update(withdraw)
        silent_until = max(self._quiet_until, self._snoozed_until)
        waiting = {key: one for key, one in self._incidents.items() if not one.shown_as}
        at = {key: max(one.visible_at, silent_until, self._free_at(key, now))
              for key, one in waiting.items()}  # fmt: skip
        ripe = [key for key, when in at.items() if when <= now]
        show, replaced = self._say(ripe, now)
        later = [when for key, when in at.items() if when > now]
        return Orders(show, (*withdraw, *replaced)), min(later, default=None)

    def _free_at(self, key: Key, now: float) -> float:
        """When this may be said again."""
        said = [at for at in self._said.get(key, ()) if at > now - DAY]
        self._said[key] = said
        if not said:
            return now
        if key.reason is Reason.LOGIN:
            return said[-1] + DAY
        within_hour = [at for at in said if at > now - HOUR]
        if len(within_hour) >= PER_HOUR:
            return within_hour[0] + HOUR
        return said[-1] + AGAIN_AFTER

    def _say(self, keys: list[Key], now: float) -> tuple[tuple[Alert, ...], tuple[str, ...]]:
        """One by one, or as one with what was said just before; and what that replaces."""
        if not keys:
            return (), ()
        for key in keys:
            self._said.setdefault(key, []).append(now)
        self._recent = {id_: at for id_, at in self._recent.items() if at > now - TOGETHER}
        if len(self._recent) + len(keys) < MANY:
            for key in keys:
                self._shown(self._incidents[key].alert.id, [key], now)
            return tuple(self._incidents[key].alert for key in keys), ()
        replaced = sorted(self._open.intersection(self._recent))
        together = [
            key
            for key, incident in self._incidents.items()
            if key in keys or incident.shown_as in replaced
        ]
        self._open.difference_update(replaced)
        self._groups += 1
        alert = Alert(f"many/{self._groups}", text.many_need_you(len(together)), _names(together))
        self._shown(alert.id, together, now)
        return (alert,), tuple(replaced)

    def _shown(self, id_: str, keys: list[Key], now: float) -> None:
        for key in keys:
            self._incidents[key].shown_as = id_
        self._recent[id_] = now
        self._open.add(id_)


def incidents(snapshot: Snapshot) -> Mapping[Key, Alert]:
    """What needs the person now, whether it was said or not."""
    found: dict[Key, Alert] = {}
    for status in snapshot.servers.values():
        reason = _reason(status)
        if reason is not None:
            found[Key(reason, status.name)] = _alert(reason, status)
    return found


def _reason(status: ServerStatus) -> Reason | None:
    if status.phase is Phase.AUTH_REQUIRED:
        return Reason.LOGIN
    if status.phase is Phase.FAILED:
        return Reason.FAILED
    if status.phase is Phase.READY and status.health.action is Action.APPROVE:
        return Reason.APPROVE
    return None


def _alert(reason: Reason, status: ServerStatus) -> Alert:
    """In the words of the menu, with the one thing that the menu offers first."""
    health = status.health
    title = text.server_line(status.name, health.summary)
    first = problem_verbs(f"attention/{status.name}", status)[0]
    return Alert(f"{reason}/{status.name}", title, health.detail, first.label, first.id)


def _names(keys: list[Key]) -> str:
    return text.one_line(", ".join(sorted(key.server for key in keys)))

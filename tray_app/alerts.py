"""When a notification is worth a person's attention, and when it has to go; pure.

What the menu and the icon show is true at once. A notification interrupts, so it comes only for
what needs the person, lasted for a moment, and was not said just before (ux.md C.5):

- sign-in is needed, tools or a server wait for a word, a server has failed for good, or has
  been away for minutes although a client uses it;
- never just after the start, after the computer slept, after the network came back, or while
  snoozed;
- one for each incident and three an hour, several together as one, gone when there is nothing
  left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.model.config import ServerName
from core.model.faults import Action
from core.model.status import Phase, ServerStatus, Snapshot
from tray_app import text
from tray_app.actions import Verb
from tray_app.alert import Alert
from tray_app.rows import needs_attention, problem_verbs

# All in seconds.
QUIET_AT_START = 30.0
QUIET_AFTER_SLEEP = 60.0
QUIET_AFTER_NETWORK = 30.0
VISIBLE_AFTER = 5.0  # it has to last so long
VISIBLE_AFTER_REMOTE = 10.0  # networks come back by themselves more often
TOGETHER = 10.0  # so many seconds in which three become one
MANY = 3
AGAIN_AFTER = 5 * 60.0  # the same once in this time
HOUR, PER_HOUR = 3600.0, 3  # and so many of all kinds at most
DOWN_FOR = 120.0  # a server that comes back by itself is told only after this time,
USED_WITHIN = 15 * 60.0  # and only if somebody called a tool of it lately,
ASKED_AGAIN_AFTER = 60.0  # which is looked up this often at most
DAY = 24 * 3600.0  # sign-in once in this time


class Reason(StrEnum):
    """Why a person is needed."""

    LOGIN = "login"
    APPROVE = "approve"
    FAILED = "failed"
    DOWN = "down"  # it is being tried again and again
    NEWS = "news"  # nothing is the matter with a server


@dataclass(frozen=True, slots=True)
class Key:
    """One incident: what is the matter with which server; news are named after themselves."""

    reason: Reason
    server: ServerName


@dataclass(frozen=True, slots=True)
class Orders:
    """What to do now. ``look_up``: servers of which ``used`` must be told when they were called."""

    show: tuple[Alert, ...] = ()
    withdraw: tuple[str, ...] = ()  # ids
    look_up: tuple[ServerName, ...] = ()


@dataclass(slots=True)
class _Incident:
    visible_at: float
    alert: Alert
    shown_as: str = ""  # the id of the notification that says it


@dataclass(frozen=True, slots=True)
class _Use:
    """When it was last looked up whether clients use a server, and what was found."""

    looked_up: float
    last: float | None = None


@dataclass(slots=True)
class Alerts:
    """What has been said and what is still to be said; ``now`` is monotonic seconds."""

    started: float
    _quiet_until: float = field(init=False)
    _snoozed_until: float = field(default=0.0, init=False)
    _incidents: dict[Key, _Incident] = field(default_factory=dict, init=False)
    _said: dict[Key, float] = field(default_factory=dict, init=False)
    _lately: list[tuple[float, str]] = field(default_factory=list, init=False)  # shown, in an hour
    _news: dict[Key, Alert] = field(default_factory=dict, init=False)
    _told: dict[ServerName, str] = field(default_factory=dict, init=False)
    _uses: dict[ServerName, _Use] = field(default_factory=dict, init=False)
    _open: set[str] = field(default_factory=set, init=False)
    _groups: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._quiet_until = self.started + QUIET_AT_START

    def slept(self, now: float) -> None:
        """The computer slept until now: much looks broken that comes back by itself."""
        self._quiet_until = max(self._quiet_until, now + QUIET_AFTER_SLEEP)

    def network_changed(self, now: float) -> None:
        """Likewise after there is another way to other computers."""
        self._quiet_until = max(self._quiet_until, now + QUIET_AFTER_NETWORK)

    def snooze(self, until: float) -> None:
        """Say nothing until then."""
        self._snoozed_until = until

    def add(self, news: Alert) -> None:
        """Something that is not about a server, to be said as soon as anything may be."""
        self._news[Key(Reason.NEWS, ServerName(news.id))] = news

    def told(self, server: ServerName, id_: str) -> None:
        """The person knows what is the matter with the server, from the notification ``id_``."""
        self._told[server] = id_

    def used(self, server: ServerName, last: float | None, now: float) -> None:
        """When a client last called a tool of the server; None if it is not known."""
        self._uses[server] = _Use(now, last)

    def due(self, snapshot: Snapshot, now: float) -> tuple[Orders, float | None]:
        """What to do now, and when to ask again if nothing changes before."""
        withdraw = self._follow(snapshot, now)
        silent_until = max(self._quiet_until, self._snoozed_until)
        waiting = {key: one for key, one in self._incidents.items() if not one.shown_as}
        at = {key: max(one.visible_at, silent_until, self._free_at(key, now))
              for key, one in waiting.items()}  # fmt: skip
        ripe = [key for key, when in at.items() if when <= now]
        look_up = [key.server for key in ripe if self._is_to_be_looked_up(key, now)]
        show, replaced = self._say([key for key in ripe if self._matters(key, now)], now)
        later = [when for when in at.values() if when > now]
        orders = Orders(show, (*withdraw, *replaced), tuple(look_up))
        return orders, min(later, default=None)

    def _follow(self, snapshot: Snapshot, now: float) -> list[str]:
        """Note what is new and what is over; the notifications that nobody needs any more."""
        present = {**incidents(snapshot), **self._news}
        over = {key: self._incidents.pop(key) for key in list(self._incidents)
                if key not in present}  # fmt: skip
        for key, alert in present.items():
            known = self._incidents.get(key)
            if known is None:
                visible_at = now + _time_to_visible(key.reason, snapshot.servers.get(key.server))
                known = _Incident(visible_at, alert)
                self._incidents[key] = known
            known.alert = alert
            given_up = over.get(Key(Reason.DOWN, key.server))
            if given_up is not None:  # still the same incident, which was said or not
                known.shown_as = given_up.shown_as
            known.shown_as = known.shown_as or self._told.get(key.server, "")
        self._said = {key: at for key, at in self._said.items() if at > now - DAY}
        self._uses = {key.server: self._uses[key.server]
                      for key in present if key.server in self._uses}  # fmt: skip
        well = [name for name in self._told if _is_well(snapshot, name)]
        gone = {self._told.pop(name) for name in well}
        gone |= {one.shown_as for one in over.values()} - {""}
        gone -= {one.shown_as for one in self._incidents.values()}
        self._open -= gone
        return sorted(gone)

    def _free_at(self, key: Key, now: float) -> float:
        """When this may be said again."""
        self._lately = [(at, id_) for at, id_ in self._lately if at > now - HOUR]
        free = self._lately[-PER_HOUR][0] + HOUR if len(self._lately) >= PER_HOUR else now
        if key not in self._said:
            return free
        again_after = DAY if key.reason is Reason.LOGIN else AGAIN_AFTER
        return max(free, self._said[key] + again_after)

    def _is_to_be_looked_up(self, key: Key, now: float) -> bool:
        """Whether to find out if the server is used; noted, so that it is not asked at once."""
        known = self._uses.get(key.server)
        if key.reason is not Reason.DOWN or self._matters(key, now):
            return False
        if known is not None and now - known.looked_up < ASKED_AGAIN_AFTER:
            return False
        self._uses[key.server] = _Use(now)
        return True

    def _matters(self, key: Key, now: float) -> bool:
        """A server that will come back by itself matters only to those who use it."""
        if key.reason is not Reason.DOWN:
            return True
        known = self._uses.get(key.server)
        return known is not None and known.last is not None and now - known.last < USED_WITHIN

    def _say(self, keys: list[Key], now: float) -> tuple[tuple[Alert, ...], tuple[str, ...]]:
        """One by one, or as one with what was said just before; and what that replaces."""
        if not keys:
            return (), ()
        for key in keys:
            self._said[key] = now
        recent = [id_ for at, id_ in self._lately if at > now - TOGETHER]
        replaced = sorted(self._open.intersection(recent))
        together = [
            key
            for key, incident in self._incidents.items()
            if key in keys or incident.shown_as in replaced
        ]
        is_crowded = len(recent) + len(keys) >= MANY or len(self._lately) + len(keys) > PER_HOUR
        if len(together) == 1 or not is_crowded:
            for key in keys:
                self._shown(self._incidents[key].alert.id, [key], now)
            return tuple(self._incidents[key].alert for key in keys), ()
        self._open.difference_update(replaced)
        self._groups += 1
        title, id_ = text.many_need_you(len(together)), f"many/{self._groups}"
        alert = Alert(id_, title, self._names(together), text.SHOW_PROBLEMS, _SHOW_PROBLEMS)
        self._shown(id_, together, now)
        return (alert,), tuple(replaced)

    def _names(self, keys: list[Key]) -> str:
        news = {key: self._news[key].title for key in keys if key in self._news}
        return text.one_line(", ".join(sorted(news.get(key, key.server) for key in keys)))

    def _shown(self, id_: str, keys: list[Key], now: float) -> None:
        for key in keys:
            self._incidents[key].shown_as = id_
        self._lately.append((now, id_))
        self._open.add(id_)


_SHOW_PROBLEMS = f"diagnostics/{Verb.SHOW_PROBLEMS}"


def _time_to_visible(reason: Reason, status: ServerStatus | None) -> float:
    if reason is Reason.DOWN:
        return DOWN_FOR
    if status is None:
        return 0.0
    return VISIBLE_AFTER if status.kind == "stdio" else VISIBLE_AFTER_REMOTE


def _is_well(snapshot: Snapshot, name: ServerName) -> bool:
    """Whether nothing is the matter with the server any more, or it is gone."""
    status = snapshot.servers.get(name)
    return status is None or status.phase in (Phase.READY, Phase.DISABLED)


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
    if status.phase in (Phase.BACKOFF, Phase.CONNECTING) and needs_attention(status):
        return Reason.DOWN
    return None


def _alert(reason: Reason, status: ServerStatus) -> Alert:
    """In the words of the menu, with the one thing that the menu offers first."""
    health = status.health
    title = text.server_line(status.name, health.summary)
    first = problem_verbs(f"attention/{status.name}", status)[0]
    return Alert(f"{reason}/{status.name}", title, health.detail, first.label, first.id)

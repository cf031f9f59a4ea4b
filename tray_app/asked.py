"""Servers that a person had started, and how that went; pure.

Whoever clicks waits for it: a start that takes longer than a moment is told when it is done, and
one that fails is told in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.model.config import ServerName
from core.model.status import Phase, ServerStatus, Snapshot
from tray_app import answers, text
from tray_app.alert import Alert
from tray_app.rows import problem_verbs

A_MOMENT = 1.0
"""Seconds; a success that takes no longer is seen in the menu at once (ux.md C.3)."""

_SETTLED = frozenset({Phase.READY, Phase.BACKOFF, Phase.FAILED, Phase.AUTH_REQUIRED})


@dataclass(frozen=True, slots=True)
class Result:
    """What to tell, and the servers whose failure it tells."""

    alert: Alert
    failed: tuple[ServerName, ...] = ()


@dataclass(frozen=True, slots=True)
class _Request:
    """``before`` holds when each server's phase began, which tells its old state from the new."""

    at: float
    before: Mapping[ServerName, datetime | None]


@dataclass(slots=True)
class Asked:
    """What is still awaited; ``now`` is monotonic seconds."""

    _requests: list[_Request] = field(default_factory=list, init=False)

    def wait_for(self, names: Iterable[ServerName], snapshot: Snapshot, now: float) -> None:
        """These were asked for together just now; a later request for the same replaces it."""
        statuses = snapshot.servers
        before = {name: statuses[name].since if name in statuses else None for name in names}
        if before:
            self._requests = [one for one in self._requests if not one.before.keys() & before]
            self._requests.append(_Request(now, before))

    def forget(self, name: ServerName) -> None:
        """It is not going to be started: what was asked for with it is no longer told."""
        self._requests = [one for one in self._requests if name not in one.before]

    def results(self, snapshot: Snapshot, now: float) -> Iterator[Result]:
        """What has come of requests, and is to be told now."""
        for request in list(self._requests):
            settled = _settled(request, snapshot)
            if settled is None:
                continue
            self._requests.remove(request)
            bad = [each for each in settled if each.phase is not Phase.READY]
            if bad:
                names = tuple(each.name for each in bad)
                yield Result(_failure(bad, len(settled)), names)
            elif settled and now - request.at > A_MOMENT:
                yield Result(_success(settled))


def _settled(request: _Request, snapshot: Snapshot) -> list[ServerStatus] | None:
    """The servers of a request once all have come to rest; those that are gone do not count."""
    settled = []
    for name, before in request.before.items():
        status = snapshot.servers.get(name)
        if status is None or (status.phase is Phase.DISABLED and status.since != before):
            continue
        if status.since == before or status.phase not in _SETTLED:
            return None
        settled.append(status)
    return settled


def _success(settled: list[ServerStatus]) -> Alert:
    only = settled[0]
    if len(settled) > 1:
        return Alert("started", text.APP, answers.all_started(len(settled)))
    return Alert(f"started/{only.name}", text.APP, answers.started(only.name))


def _failure(bad: list[ServerStatus], count: int) -> Alert:
    """With the first step of the first that failed; of several, all are named."""
    first = bad[0]
    step = problem_verbs(f"attention/{first.name}", first)[0]
    if count == 1:
        title, body = answers.not_started(first.name), first.health.detail
    else:
        title = answers.some_not_started(len(bad), count)
        body = text.one_line(", ".join(each.name for each in bad))
    return Alert(f"asked/{first.name}", title, body, step.label, step.id)

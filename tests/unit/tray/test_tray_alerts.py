"""Notifications: one for each incident that needs a person, and never a storm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.model.faults import Fault, FaultCode
from core.model.status import Phase, ServerStatus, Snapshot
from tests.unit.tray.test_tray_view import MISSING, status, world
from tray_app.actions import command_of
from tray_app.alerts import (
    AGAIN_AFTER,
    DAY,
    HOUR,
    MANY,
    PER_HOUR,
    QUIET_AFTER_SLEEP,
    QUIET_AT_START,
    TOGETHER,
    VISIBLE_AFTER,
    VISIBLE_AFTER_REMOTE,
    Alerts,
    incidents,
)

STARTED = 1000.0
AWAKE = STARTED + QUIET_AT_START + 1
ALL_WELL = world(status("a"), status("b"))


def failed(*names: str) -> Snapshot:
    return world(*(status(name, Phase.FAILED, fault=MISSING) for name in names))


def login(name: str) -> ServerStatus:
    return replace(status(name, Phase.AUTH_REQUIRED), kind="http")


def quiet_over() -> Alerts:
    alerts = Alerts(STARTED)
    alerts.due(ALL_WELL, AWAKE)
    return alerts


def ids(alerts: Alerts, snapshot: Snapshot, now: float) -> list[str]:
    return [alert.id for alert in alerts.due(snapshot, now)[0].show]


def test_an_incident_is_told_once_it_has_lasted_and_goes_when_it_is_over() -> None:
    """The time to ask again is exact, so that nobody has to look in between."""
    alerts = quiet_over()
    orders, again = alerts.due(failed("a"), AWAKE)
    assert (orders.show, again) == ((), AWAKE + VISIBLE_AFTER)
    orders, again = alerts.due(failed("a"), AWAKE + VISIBLE_AFTER)
    (alert,) = orders.show
    assert (alert.id, again) == ("failed/a", None)
    assert command_of(alert.row_id) is not None
    assert alert.action
    assert alerts.due(failed("a"), AWAKE + DAY)[0].show == ()
    assert alerts.due(ALL_WELL, AWAKE + DAY)[0].withdraw == ("failed/a",)


def test_what_passes_by_itself_is_never_told() -> None:
    """Back before it was visible; and connecting or trying again is no incident at all."""
    alerts = quiet_over()
    alerts.due(failed("a"), AWAKE)
    assert alerts.due(ALL_WELL, AWAKE + VISIBLE_AFTER)[0] == alerts.due(ALL_WELL, AWAKE)[0]
    crashed = Fault(FaultCode.CRASHED, "It ended.")
    assert not incidents(
        world(
            status("a", Phase.BACKOFF, fault=crashed),
            status("b", Phase.CONNECTING, attempt=4),
            status("c", Phase.DISABLED),
            status("d", Phase.STOPPING),
        )
    )


def test_a_remote_server_gets_longer_and_sign_in_is_asked_once_a_day() -> None:
    """However often it comes and goes."""
    alerts = quiet_over()
    asks = world(login("a"))
    assert ids(alerts, asks, AWAKE) == []
    assert ids(alerts, asks, AWAKE + VISIBLE_AFTER) == []
    assert ids(alerts, asks, AWAKE + VISIBLE_AFTER_REMOTE) == ["login/a"]
    alerts.due(ALL_WELL, AWAKE + 20)
    alerts.due(asks, AWAKE + 30)
    assert ids(alerts, asks, AWAKE + HOUR) == []
    assert ids(alerts, asks, AWAKE + VISIBLE_AFTER_REMOTE + DAY) == ["login/a"]


@pytest.mark.parametrize("how", ["start", "sleep", "snooze"])
def test_nothing_is_said_in_quiet_times_and_what_lasts_is_said_after(how: str) -> None:
    """After the start, after the computer slept, and while a person wants silence."""
    alerts = Alerts(STARTED)
    now, until = STARTED, STARTED + QUIET_AT_START
    if how != "start":
        now, until = AWAKE, AWAKE + QUIET_AFTER_SLEEP
        if how == "sleep":
            alerts.slept(now)
        else:
            alerts.snooze(until)
    assert alerts.due(failed("a"), now) == (alerts.due(ALL_WELL, now)[0], until)
    alerts.due(failed("a"), now)
    assert ids(alerts, failed("a"), until - 0.001) == []
    assert ids(alerts, failed("a"), until) == ["failed/a"]


def test_three_within_ten_seconds_become_one() -> None:
    """What was shown alone is replaced; the one goes when the last of them is over."""
    alerts = quiet_over()
    alerts.due(failed("a"), AWAKE)
    assert ids(alerts, failed("a"), AWAKE + 5) == ["failed/a"]
    alerts.due(failed("a", "b", "c"), AWAKE + 6)
    orders, _ = alerts.due(failed("a", "b", "c"), AWAKE + 11)
    (alert,) = orders.show
    assert (alert.title, alert.body) == ("3 servers need you", "a, b, c")
    assert orders.withdraw == ("failed/a",)
    assert alerts.due(failed("a"), AWAKE + 20)[0].withdraw == ()
    assert alerts.due(ALL_WELL, AWAKE + 30)[0].withdraw == (alert.id,)


def test_an_hour_of_flapping_gives_three_notifications() -> None:
    """Broken for ten seconds of every twenty."""
    alerts = quiet_over()
    shown = 0
    for number in range(int(HOUR) // 20):
        now = AWAKE + 20 * number
        alerts.due(failed("a"), now)
        shown += len(ids(alerts, failed("a"), now + VISIBLE_AFTER))
        alerts.due(ALL_WELL, now + 10)
    assert shown == PER_HOUR


NAMES = ("a", "b", "c", "d", "e")


class Flapping(RuleBasedStateMachine):
    """Servers fail and recover at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.now = AWAKE
        self.alerts = quiet_over()
        self.broken: set[str] = set()
        self.open: set[str] = set()  # notifications on the screen
        self.shown: list[tuple[float, str]] = []
        self.again: float | None = None

    @rule(names=st.sets(st.sampled_from(NAMES)), seconds=st.integers(0, 400))
    def change(self, names: set[str], seconds: int) -> None:
        self.now += seconds
        self.broken = names
        self.look()

    @precondition(lambda self: self.again is not None)
    @rule()
    def wait(self) -> None:
        assert self.again is not None
        self.now = max(self.now, self.again)
        self.look()

    def look(self) -> None:
        orders, self.again = self.alerts.due(failed(*sorted(self.broken)), self.now)
        self.open -= set(orders.withdraw)
        for alert in orders.show:
            assert alert.id not in self.open
            self.open.add(alert.id)
            self.shown.append((self.now, alert.id))

    @invariant()
    def few_at_once(self) -> None:
        lately = [at for at, _ in self.shown if at > self.now - TOGETHER]
        assert len(lately) <= MANY

    @invariant()
    def none_is_left_when_all_is_well(self) -> None:
        if not self.broken:
            assert not self.open

    @invariant()
    def the_same_not_soon_again(self) -> None:
        for name in NAMES:
            times = [at for at, id_ in self.shown if id_ == f"failed/{name}"]
            assert all(b - a >= AGAIN_AFTER for a, b in pairwise(times))


TestFlapping = Flapping.TestCase


@given(st.floats(0, 100))
def test_asking_again_too_early_changes_nothing(early: float) -> None:
    """Whoever asks more often than needed is told the same."""
    alerts = quiet_over()
    _, again = alerts.due(failed("a"), AWAKE)
    assert again is not None
    now = min(AWAKE + early, again - 0.001)
    assert alerts.due(failed("a"), now) == (alerts.due(failed("a"), now)[0], again)

"""Notifications: one for each incident that needs a person, and never a storm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.model.config import ServerName
from core.model.faults import Fault, FaultCode
from core.model.status import Phase, ServerStatus, Snapshot
from tests.unit.tray.test_tray_view import MISSING, status, world
from tray_app.actions import ShowProblems, command_of
from tray_app.alert import Alert
from tray_app.alerts import (
    AGAIN_AFTER,
    ASKED_AGAIN_AFTER,
    DAY,
    DOWN_FOR,
    HOUR,
    PER_HOUR,
    QUIET_AFTER_NETWORK,
    QUIET_AFTER_SLEEP,
    QUIET_AT_START,
    USED_WITHIN,
    VISIBLE_AFTER,
    VISIBLE_AFTER_REMOTE,
    Alerts,
    Orders,
    incidents,
)

STARTED = 1000.0
AWAKE = STARTED + QUIET_AT_START + 1
AWAY = status("a", Phase.BACKOFF, fault=Fault(FaultCode.CRASHED, "It ended."))
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
    """Back before it was visible; and what a person chose is no incident at all."""
    alerts = quiet_over()
    alerts.due(failed("a"), AWAKE)
    assert alerts.due(ALL_WELL, AWAKE + VISIBLE_AFTER)[0] == alerts.due(ALL_WELL, AWAKE)[0]
    assert not incidents(
        world(
            status("a", Phase.CONNECTING),
            status("b", Phase.DISABLED),
            status("c", Phase.STOPPING),
        )
    )


def test_a_server_that_is_away_is_told_after_two_minutes_and_only_if_it_is_used() -> None:
    """Whether it is, is looked up once it matters, and again no sooner than after a minute."""
    alerts = quiet_over()
    away, trying = world(AWAY), world(status("a", Phase.CONNECTING, attempt=4))
    assert alerts.due(away, AWAKE) == (Orders(), AWAKE + DOWN_FOR)
    later = AWAKE + DOWN_FOR
    assert alerts.due(trying, later)[0] == Orders(look_up=(ServerName("a"),))
    alerts.used(ServerName("a"), later - USED_WITHIN - 1, later)
    assert alerts.due(away, later + 30)[0] == Orders()
    assert alerts.due(away, later + ASKED_AGAIN_AFTER)[0].look_up == ("a",)
    alerts.used(ServerName("a"), later, later + ASKED_AGAIN_AFTER)
    assert ids(alerts, away, later + ASKED_AGAIN_AFTER) == ["down/a"]
    assert alerts.due(ALL_WELL, later + 100)[0].withdraw == ("down/a",)


def test_a_server_that_is_given_up_after_it_was_said_to_be_away_is_not_told_again() -> None:
    """It is the same incident; its notification stays until it is over."""
    alerts = quiet_over()
    alerts.used(ServerName("a"), AWAKE, AWAKE)
    alerts.due(world(AWAY), AWAKE)
    assert ids(alerts, world(AWAY), AWAKE + DOWN_FOR) == ["down/a"]
    assert alerts.due(failed("a"), AWAKE + DOWN_FOR + 1)[0] == Orders()
    assert alerts.due(failed("a"), AWAKE + HOUR)[0] == Orders()
    assert alerts.due(ALL_WELL, AWAKE + HOUR + 1)[0].withdraw == ("down/a",)


def test_what_the_person_was_told_after_a_click_is_not_told_again_but_goes_when_it_is_over() -> (
    None
):
    """The answer to the click is the notification of that incident."""
    alerts = quiet_over()
    alerts.told(ServerName("a"), "asked/a")
    assert alerts.due(failed("a"), AWAKE)[0] == Orders()
    assert alerts.due(failed("a"), AWAKE + HOUR)[0] == Orders()
    assert alerts.due(ALL_WELL, AWAKE + HOUR)[0].withdraw == ("asked/a",)
    alerts.due(failed("a"), AWAKE + HOUR)
    assert ids(alerts, failed("a"), AWAKE + HOUR + VISIBLE_AFTER) == ["failed/a"]


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


@pytest.mark.parametrize("how", ["start", "sleep", "network", "snooze"])
def test_nothing_is_said_in_quiet_times_and_what_lasts_is_said_after(how: str) -> None:
    """After the start, the computer's sleep and a new network, and while silence is wanted."""
    alerts = Alerts(STARTED)
    now, until = STARTED, STARTED + QUIET_AT_START
    match how:
        case "sleep":
            now, until = AWAKE, AWAKE + QUIET_AFTER_SLEEP
            alerts.slept(now)
        case "network":
            now, until = AWAKE, AWAKE + QUIET_AFTER_NETWORK
            alerts.network_changed(now)
        case "snooze":
            now, until = AWAKE, AWAKE + 100
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
    assert command_of(alert.row_id) == ShowProblems()
    assert orders.withdraw == ("failed/a",)
    assert alerts.due(failed("a"), AWAKE + 20)[0].withdraw == ()
    assert alerts.due(ALL_WELL, AWAKE + 30)[0].withdraw == (alert.id,)


def worst_hour(alerts: Alerts, period: int) -> list[tuple[float, Alert]]:
    """An hour in which ten servers that are in use fail and recover, each when it hurts most:

    broken until it would be told, well just long enough to be another incident.
    """
    names = [f"s{number}" for number in range(10)]
    shown: list[tuple[float, Alert]] = []
    on_screen: set[str] = set()
    for second in range(int(HOUR)):
        now = AWAKE + second
        broken = [name for at, name in enumerate(names) if (second + 7 * at) % period < period - 1]
        orders, _ = alerts.due(failed(*broken), now)
        on_screen -= set(orders.withdraw)
        for alert in orders.show:
            assert command_of(alert.row_id) is not None, "every one can be acted on"
            assert alert.id not in on_screen, "the same incident is not told twice"
            on_screen.add(alert.id)
            shown.append((now, alert))
    assert not alerts.due(ALL_WELL, AWAKE + HOUR)[0].show
    return shown


@pytest.mark.parametrize("period", [7, 10, 20, 60, 300, 1200])
def test_an_hour_of_the_worst_flapping_of_ten_servers_gives_three_notifications(
    period: int,
) -> None:
    """Three an hour of all kinds together, however fast they flap, and none twice."""
    shown = worst_hour(quiet_over(), period)
    assert 1 <= len(shown) <= PER_HOUR


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
    def few_in_an_hour(self) -> None:
        lately = [at for at, _ in self.shown if at > self.now - HOUR]
        assert len(lately) <= PER_HOUR

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

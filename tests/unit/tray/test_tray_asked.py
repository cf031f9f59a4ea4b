"""What a person had started is told when it takes a while, and in any case when it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.model.config import ServerName
from core.model.status import Phase, ServerStatus
from tests.unit.tray.test_tray_alerts import AWAKE, quiet_over
from tests.unit.tray.test_tray_view import MISSING, NOON, status, world
from tray_app.actions import command_of
from tray_app.asked import Asked, Result

A, B = ServerName("a"), ServerName("b")
OLD = world(status("a"), status("b"))


def later(name: str, phase: Phase = Phase.READY, seconds: int = 5) -> ServerStatus:
    """The server in a phase that began after ``OLD``."""
    at = NOON if phase is Phase.BACKOFF else None
    begun = status(name, phase, retry_at=at)
    return replace(begun, since=NOON + timedelta(seconds=seconds))


def asked(*names: ServerName) -> Asked:
    waiting = Asked()
    waiting.wait_for(names, OLD, 100.0)
    return waiting


def told(waiting: Asked, *statuses: ServerStatus, now: float = 103.0) -> list[Result]:
    return list(waiting.results(world(*statuses), now))


def test_a_start_that_took_a_while_is_told_once_it_is_done() -> None:
    """Not before, not twice, and not while the old connection is still the one that is seen."""
    waiting = asked(A)
    assert told(waiting, status("a")) == []
    assert told(waiting, later("a", Phase.STOPPING)) == []
    assert told(waiting, later("a", Phase.CONNECTING)) == []
    (result,) = told(waiting, later("a"))
    assert (result.alert.body, result.failed) == ("a is ready.", ())
    assert told(waiting, later("a", seconds=9)) == []


def test_a_quick_start_is_seen_in_the_menu() -> None:
    """Within a second nothing has to be said."""
    assert told(asked(A), later("a"), now=100.9) == []


@pytest.mark.parametrize("phase", [Phase.BACKOFF, Phase.FAILED, Phase.AUTH_REQUIRED])
def test_a_failure_is_told_however_quick_it_was(phase: Phase) -> None:
    """With the reason, and the first thing to do about it."""
    (result,) = told(asked(A), later("a", phase), now=100.1)
    assert result.failed == (A,)
    assert result.alert.title == "a could not be started"
    assert result.alert.body == "Ended with exit status 3."
    assert command_of(result.alert.row_id) is not None
    assert result.alert.action


def test_a_success_outlives_the_failure_that_it_ends() -> None:
    """What is withdrawn when a server is well again is another notification."""
    alerts = quiet_over()
    failing, well = world(later("a", Phase.FAILED)), world(later("a", seconds=9))
    waiting = asked(A)
    (failure,) = waiting.results(failing, AWAKE)
    alerts.told(A, failure.alert.id)
    alerts.due(failing, AWAKE)
    waiting.wait_for([A], failing, AWAKE + 1)
    (success,) = waiting.results(well, AWAKE + 3)
    assert alerts.due(well, AWAKE + 3)[0].withdraw == (failure.alert.id,)
    assert success.alert.id != failure.alert.id


def test_many_are_told_as_one() -> None:
    """When the last has come to rest, with how many failed; who is gone or disabled is left out."""
    waiting = asked(A, B)
    assert told(waiting, later("a"), later("b", Phase.CONNECTING)) == []
    (result,) = told(waiting, later("a"), later("b", Phase.FAILED))
    assert (result.alert.title, result.failed) == ("1 of 2 servers could not be started", (B,))
    assert told(asked(A, B), later("a"), later("b"))[0].alert.body == "All 2 servers are ready."
    assert told(asked(A, B), later("a"))[0].alert.body == "a is ready."
    assert told(asked(A), later("a", Phase.DISABLED)) == []


def test_what_was_refused_or_asked_for_again_is_not_awaited_twice() -> None:
    """A later failure of a server that was not restarted is no answer to a click."""
    waiting = asked(A)
    waiting.forget(A)
    assert told(waiting, later("a", Phase.FAILED)) == []
    waiting = asked(A)
    waiting.wait_for([A], world(later("a", Phase.FAILED)), 101.0)
    assert told(waiting, later("a", Phase.FAILED)) == []
    assert len(told(waiting, later("a", seconds=9))) == 1


def test_a_new_server_is_awaited_too() -> None:
    """It had no state when it was asked for."""
    waiting = Asked()
    waiting.wait_for([ServerName("new")], OLD, 100.0)
    fault = replace(later("new", Phase.FAILED), fault=MISSING)
    assert [result.failed for result in told(waiting, fault)] == [("new",)]

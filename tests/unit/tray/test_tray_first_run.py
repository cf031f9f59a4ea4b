"""The first start says where the icon is, once; a run that was cut short is noticed by the next."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.errors import AlreadyRunning
from tests.unit.tray.test_tray_alerts import ALL_WELL, AWAKE, STARTED, failed
from tray_app import answers
from tray_app.actions import OpenLogs, StartAtLogin, command_of
from tray_app.alerts import DAY, QUIET_AT_START, Alerts
from tray_app.first_run import is_back, is_first, no_tray, welcome
from tray_app.last_run import noting_the_end
from tray_app.local import Importable, Local


def test_the_first_time_is_once(tmp_path: Path) -> None:
    """And never where it cannot be remembered."""
    assert is_first(tmp_path / "welcomed")
    assert not is_first(tmp_path / "welcomed")
    assert not is_first(tmp_path / "nowhere" / "welcomed")


def test_the_welcome_says_where_the_icon_is_and_asks_one_question() -> None:
    """Whether to start at login, if it does not; what can be taken over is said, not asked."""
    alert = welcome(Local(importable=(Importable("cursor", "Cursor", 3),)))
    assert "Its icon is in the tray" in alert.body
    assert "3 servers of theirs can be taken over." in alert.body
    assert command_of(alert.row_id) == StartAtLogin(True)
    assert welcome(Local(starts_at_login=True)).action == ""


def test_without_a_tray_it_says_what_to_do() -> None:
    """The sentence names the fix, and where everything is meanwhile."""
    alert = no_tray("Install an extension.")
    assert alert.body.startswith("Install an extension. ")
    assert "mcpproxy-tray dashboard" in alert.body
    assert alert.action == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names its starts")
def test_a_run_that_was_cut_short_is_noticed_once(tmp_path: Path) -> None:
    """Whatever ended it; one that could not start was told already, and another boot is no news."""
    file = tmp_path / "running"
    with noting_the_end(file) as cut_short:
        assert not cut_short
        left = file.read_text()
    assert not file.exists()
    file.write_text(left)  # as after a kill
    with noting_the_end(file) as cut_short:
        assert cut_short
    with noting_the_end(file) as cut_short:
        assert not cut_short
    with pytest.raises(AlreadyRunning), noting_the_end(file):
        raise AlreadyRunning("It runs.")
    assert not file.exists()
    with pytest.raises(ZeroDivisionError), noting_the_end(file):
        raise ZeroDivisionError
    with noting_the_end(file) as cut_short:
        assert cut_short, "a bug cuts short as well"
    file.write_text("another start of the computer")
    with noting_the_end(file) as cut_short:
        assert not cut_short


def test_coming_back_is_told_after_the_first_half_minute() -> None:
    """Once, with the logs to look at, and also when a server has something to say."""
    alerts = Alerts(STARTED)
    alerts.add(is_back())
    orders, again = alerts.due(ALL_WELL, STARTED)
    assert (orders.show, again) == ((), STARTED + QUIET_AT_START)
    (alert,) = alerts.due(ALL_WELL, AWAKE)[0].show
    assert alert.title == answers.IS_BACK
    assert command_of(alert.row_id) == OpenLogs()
    assert alerts.due(ALL_WELL, AWAKE + DAY)[0].show == ()
    crowded = Alerts(STARTED)
    crowded.add(is_back())
    crowded.due(failed("a", "b"), STARTED)
    (group,) = crowded.due(failed("a", "b"), AWAKE)[0].show
    assert group.body == "MCP Proxy is back, a, b"

"""What a person is told once in the life of a data directory: where the icon is, and one question;
and what they are told when the program comes back after it was cut short.
"""

from __future__ import annotations

from pathlib import Path

from tray_app import answers, text
from tray_app.actions import Verb
from tray_app.alert import Alert
from tray_app.local import Local

PANEL_MAY_COME = 10.0
"""Seconds that a desktop gets to show its panel before a person is told that it has no tray."""


def is_first(marker: Path) -> bool:
    """Whether this is the first time; from now on it is not. Blocks.

    Where that cannot be written down it is not the first time, else it would be at every start.
    """
    try:
        marker.touch(0o600, exist_ok=False)
    except OSError:
        return False
    return True


def welcome(local: Local) -> Alert:
    """The icon is shown: where it is, what is found there, and whether to start at login."""
    count = sum(each.count for each in local.importable)
    body = answers.welcome(count)
    if local.starts_at_login:
        return Alert("welcome", answers.RUNNING, body)
    return Alert("welcome", answers.RUNNING, body, text.START_AT_LOGIN, Verb.START_AT_LOGIN)


def no_tray(sentence: str) -> Alert:
    """No icon can be shown; ``sentence`` says why and what to do."""
    return Alert("welcome", answers.RUNNING, f"{sentence} {answers.WITHOUT_ICON}")


def is_back() -> Alert:
    """The program was cut short, and runs again."""
    row = f"diagnostics/{Verb.OPEN_LOGS}"
    return Alert("recovered", answers.IS_BACK, answers.WAS_CUT_SHORT, text.OPEN_LOGS, row)

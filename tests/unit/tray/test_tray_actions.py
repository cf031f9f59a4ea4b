"""What a click on which row asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import ServerName
from core.model.intents import RestartServer, SetEnabled, Shutdown
from tray_app.actions import Command, CopyEndpoint, OpenConfig, OpenHelp, OpenLog, Verb, command_of

NAME = ServerName("git.hub")


@pytest.mark.parametrize(
    ("row", "command"),
    [
        ("servers/git.hub/:restart", RestartServer(NAME)),
        ("servers/:3/git.hub/:restart", RestartServer(NAME)),
        ("attention/git.hub/:restart", RestartServer(NAME)),
        ("servers/git.hub/:enable", SetEnabled(NAME, True)),
        ("servers/git.hub/:disable", SetEnabled(NAME, False)),
        ("servers/git.hub/:view-log", OpenLog(NAME)),
        ("config/:open-config", OpenConfig()),
        (":open-config", OpenConfig()),
        ("attention/git.hub/:open-config", OpenConfig()),
        ("attention/git.hub/:help", OpenHelp(NAME)),
        (":copy-endpoint", CopyEndpoint()),
        (":quit", Shutdown()),
        ("header", None),
        ("servers", None),
        ("servers/restart", None),
        ("servers/quit", None),
        ("", None),
    ],
)
def test_command_of(row: str, command: Command | None) -> None:
    """Each verb is understood wherever its row stands; other rows ask for nothing."""
    assert command_of(row) == command


@given(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True))
def test_no_name_is_taken_for_a_verb(name: str) -> None:
    """A server may be called anything allowed: its row is no command, its verbs name it."""
    assert command_of(f"servers/{name}") is None
    assert command_of(f"servers/{name}/{Verb.RESTART}") == RestartServer(ServerName(name))


@given(st.text())
def test_anything_can_be_asked(row: str) -> None:
    """No id, however odd, raises."""
    command_of(row)

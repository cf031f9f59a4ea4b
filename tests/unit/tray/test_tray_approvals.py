"""What the menu shows of approvals, and that agreeing means just what was shown."""

from __future__ import annotations

from dataclasses import replace

from core.model.approvals import Hold, Review
from core.model.config import ServerName
from core.model.intents import ApproveServer
from core.model.status import ServerStatus
from tests.fakes.tray_engine import status
from tests.unit.tray.test_tray_view import row, world
from tray_app.actions import OpenReview, command_of
from tray_app.rows import TOOLS_SHOWN
from tray_app.view import IconState, view_of

HASH = "ab" * 32


def waiting(review: Review) -> ServerStatus:
    """A connected server of which that much waits."""
    return status("a", tools=5, review=review)


def test_changed_tools_are_named_and_looked_at_before_they_are_approved() -> None:
    """One row per tool, then the review, then the approval with the hash of just this."""
    review = Review(hash=HASH, changed=("read",), pending=("send",))
    view = view_of(world(waiting(review)))
    line = row(view, "attention/a")
    assert line.label == (
        "a - Ready, 3 of 5 tools: 1 tool has changed since you approved it. 1 tool needs your "
        "approval."
    )
    assert [each.label for each in line.rows] == [
        "read - changed",
        "send - new",
        "Review what waits",
        "Approve these 2 tools",
        "View log",
        "Disable",
        "Open details",
    ]
    assert [each.enabled for each in line.rows[:4]] == [False, False, True, True]
    assert command_of(line.rows[2].id) == OpenReview(ServerName("a"))
    assert command_of(line.rows[3].id) == ApproveServer(ServerName("a"), HASH)
    assert view.icon is IconState.ATTENTION


def test_a_held_server_is_approved_as_a_whole() -> None:
    """Quarantine is one question, whatever the number of tools."""
    review = Review(hold=Hold.ALTERED, hash=HASH, pending=tuple(map(str, range(30))))
    rows = row(view_of(world(waiting(review))), "attention/a").rows
    assert rows[TOOLS_SHOWN].label == f"and {30 - TOOLS_SHOWN} more tools"
    assert "Approve this server" in [each.label for each in rows]


def test_nothing_can_be_approved_while_it_is_not_known_what_was() -> None:
    """While earlier approvals cannot be read there is no row that approves."""
    rows = row(view_of(world(waiting(Review(pending=("x",), unread=True)))), "attention/a").rows
    assert not any(isinstance(command_of(each.id), ApproveServer) for each in rows)


def test_a_tool_cannot_name_itself_into_a_command() -> None:
    """What a server calls its tools steers nothing: not the id of a row, and not its text."""
    review = Review(hash=HASH, pending=("x/:quit", "\u202egnp.exe"))
    rows = row(view_of(world(waiting(review))), "attention/a").rows
    assert [command_of(each.id) for each in rows[:2]] == [None, None]
    assert "\u202e" not in rows[1].label


def test_a_broken_database_is_said_in_menu_and_tooltip() -> None:
    """It is a line of its own, and the icon asks for attention."""
    view = view_of(replace(world(status("a")), storage_problem="the disk is full."))
    words = "Approvals and history are not saved: the disk is full."
    assert row(view, "storage").label == words
    assert view.tooltip == words
    assert view.icon is IconState.ATTENTION

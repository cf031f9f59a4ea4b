"""AI clients in the menu: seen before it is done, done with one click, undone to the byte."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from core.model.status import Snapshot
from tests.fakes.tray_engine import ScriptedEngine, status
from tests.fakes.tray_person import Computer, Person
from tests.unit.tray.test_tray_view import row, world
from tray_app.local import NOTHING_KNOWN, App, Local
from tray_app.row import Row
from tray_app.view import view_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a computer of shell scripts")

THEIRS = '{\n  // mine\n  "mcpServers": {"files": {"command": "npx", "args": ["fs"]}}\n}\n'
OLD_PROXY = {
    "listen": "127.0.0.1:8080",
    "mcpServers": [
        {"name": "hub", "url": "https://hub.example/mcp", "protocol": "http", "enabled": True},
        {"name": "notes", "command": "uvx", "args": ["notes"], "quarantined": True},
    ],
}


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    """Somebody's, with Cursor on it."""
    made = Computer(tmp_path)
    monkeypatch.setenv("PATH", f"{made.path}:/usr/bin:/bin")
    cursor = made.home / ".cursor" / "mcp.json"
    cursor.parent.mkdir()
    cursor.write_text(THEIRS)
    return made


def rows(computer: Computer, id_: str) -> Row:
    """A row of the menu as it is after another look at the computer."""
    local = computer.chores().look(NOTHING_KNOWN)
    return row(view_of(world(status("a")), local), id_)


def person(computer: Computer) -> Person:
    return Person(ScriptedEngine([status("a")]), computer.chores())


def labels(found: Row) -> list[str]:
    return [each.label for each in found.rows]


def test_a_client_is_shown_connected_and_brought_back_to_the_byte(computer: Computer) -> None:
    """The same three steps for each: look, do, undo."""
    file = computer.home / ".cursor" / "mcp.json"
    somebody = person(computer)
    cursor = rows(computer, "apps/cursor")
    assert (cursor.label, labels(cursor)) == ("Cursor", ["Show what would change", "Connect"])
    somebody.click(cursor.rows[0].id)
    page = Path(computer.opened()[0]).read_text()
    assert '"mcpproxy": {\n+    "url": "http://127.0.0.1:8080/mcp"' in page
    assert f"“Connect” under Cursor in the menu would change {file}" in page
    assert file.read_text() == THEIRS, "looking changes nothing"

    somebody.click(cursor.rows[1].id)
    assert "mcpproxy" in file.read_text()
    assert "Cursor is connected." in somebody.hears()[0][1]
    assert somebody.looks == 1
    cursor = rows(computer, "apps/cursor")
    assert cursor.label == "Cursor - connected"
    assert labels(cursor) == [
        "Show what would change",
        "Disconnect",
        "Undo: bring its file back as it was",
    ]
    somebody.click(cursor.rows[0].id)
    assert '\n-    "url": "http://127.0.0.1:8080/mcp"' in Path(computer.opened()[1]).read_text()

    somebody.click(cursor.rows[2].id)
    assert file.read_text() == THEIRS
    assert somebody.hears()[0][1] == f"{file} is as it was before Cursor was connected."


def test_a_file_that_was_changed_since_can_only_be_disconnected(computer: Computer) -> None:
    """What somebody added stays; an entry that somebody took out can be put back."""
    file = computer.home / ".cursor" / "mcp.json"
    somebody = person(computer)
    somebody.click("apps/cursor/:connect")
    file.write_text(file.read_text().replace("// mine", "// mine, changed"))
    cursor = rows(computer, "apps/cursor")
    assert labels(cursor) == ["Show what would change", "Disconnect"]
    somebody.hears()
    somebody.click("apps/cursor/:undo")
    assert "has been changed since" in somebody.hears()[0][1]
    somebody.click("apps/cursor/:disconnect")
    assert file.read_text() == THEIRS.replace("// mine", "// mine, changed")

    somebody.click("apps/cursor/:connect")
    file.write_text(THEIRS)
    assert rows(computer, "apps/cursor").label == "Cursor - our entry was taken out"
    assert labels(rows(computer, "apps/cursor")) == ["Show what would change", "Connect"]


def test_a_key_is_not_in_a_preview(computer: Computer) -> None:
    """Where clients need one, the page shows a mask in its place."""
    key = "k" * 64
    config = {"api_key": key, "require_mcp_auth": True, "mcpServers": {}}
    computer.config_file.write_text(json.dumps(config))
    person(computer).click("apps/cursor/:show-change")
    page = Path(computer.opened()[0])
    assert "X-API-Key" in page.read_text()
    assert key not in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600


def test_a_client_whose_file_cannot_be_read_says_why() -> None:
    """It is no row to click."""
    zed = App(id="zed", title="Zed", unreadable="line 3: expected a comma")
    local = Local(apps=(zed,))
    found = row(view_of(_anything(), local), "apps/zed")
    assert found.label == "Zed - its settings cannot be read: line 3: expected a comma"
    assert not found.enabled


def test_servers_are_taken_over_from_one_client_or_from_all(computer: Computer) -> None:
    """After a look; the program that this one follows is among them."""
    (computer.home / ".mcpproxy").mkdir()
    (computer.home / ".mcpproxy" / "mcp_config.json").write_text(json.dumps(OLD_PROXY))
    found = rows(computer, "import")
    assert found.label == "Take over 3 servers of your AI clients"
    assert labels(found) == [
        "Show what would be taken over",
        "Take over 1 server from Cursor",
        "Take over 2 servers from mcpproxy (Go)",
        "Take over all 3",
    ]
    somebody = person(computer)
    somebody.click(found.rows[0].id)
    page = Path(computer.opened()[0]).read_text()
    assert all(name in page for name in ("files", "hub", "notes"))
    somebody.click(found.rows[2].id)
    assert "wait for your approval" in somebody.hears()[0][1]
    ours = json.loads(computer.config_file.read_text())["mcpServers"]
    assert set(ours) == {"hub", "notes"}
    assert ours["hub"] == {
        "url": "https://hub.example/mcp",
        "protocol": "http",
        "quarantined": True,
    }
    assert labels(rows(computer, "import"))[1:] == ["Take over 1 server from Cursor"]
    somebody.click("import/:import")
    assert "files" in json.loads(computer.config_file.read_text())["mcpServers"]


def _anything() -> Snapshot:
    return world(status("a"))

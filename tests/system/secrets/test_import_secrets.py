"""Secrets of AI clients' servers go into a real keyring, and out of every file of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.desktop_keyring import DesktopKeyring
from tests.fakes.tray_person import Computer
from tests.program import Json, program
from tests.system.secrets.conftest import Desk
from tests.unit.clients.homes import FILES, furnish

CURSOR = {
    "mcpServers": {
        "files": {
            "command": "x",
            "args": ["--token", "planted-arg"],
            "env": {"API_TOKEN": "planted-shared", "LEVEL": "info"},
        },
        "far": {
            "url": "http://127.0.0.1:1/mcp?key=planted-query",
            "headers": {"Authorization": "Bearer planted-header"},
        },
        "other": {"command": "y", "env": {"API_TOKEN": "planted-shared"}},
    }
}
IN_KEYRING = {
    "files.token": "planted-arg",
    "files.API_TOKEN": "planted-shared",
    "far.key": "planted-query",
    "far.Authorization": "planted-header",
}


def prepare(desk: Desk) -> str:
    """The home of somebody with secrets in Cursor's file; its text."""
    furnish(desk.directory)
    file = desk.directory / FILES["cursor"][0]
    file.write_text(json.dumps(CURSOR))
    return file.read_text()


def check_config(desk: Desk) -> None:
    """The file refers to the secrets and holds none."""
    text = desk.config_file.read_text()
    assert "planted" not in text
    servers: Json = json.loads(text)["mcpServers"]
    assert servers["files"]["args"] == ["--token", "${keyring:files.token}"]
    assert servers["files"]["env"] == {"API_TOKEN": "${keyring:files.API_TOKEN}", "LEVEL": "info"}
    assert servers["other"]["env"] == {"API_TOKEN": "${keyring:files.API_TOKEN}"}
    assert servers["far"]["url"].endswith("?key=${keyring:far.key}")
    assert servers["far"]["headers"] == {"Authorization": "Bearer ${keyring:far.Authorization}"}


async def test_secrets_are_moved_on_request_and_the_source_stays(desk: Desk) -> None:
    """The preview says which, and never a value; one secret of two servers is one item."""
    before = prepare(desk)
    desk.configure({}, listen="127.0.0.1:8099")
    code, shown, told = await desk.command("import", "cursor", "--dry-run")
    assert (code, told) == (0, "")
    assert "in plain text: API_TOKEN, token" in shown
    assert "With --secrets-to-keyring" in shown
    code, shown, told = await desk.command("import", "cursor", "--secrets-to-keyring", "--yes")
    assert (code, told) == (0, "")
    assert "into the keyring: API_TOKEN, token" in shown
    assert "planted" not in shown
    check_config(desk)
    assert (desk.directory / FILES["cursor"][0]).read_text() == before
    kept = desk.keyring.items()
    assert {name: kept[name] for name in IN_KEYRING} == IN_KEYRING
    code, listed, _ = await desk.command("secrets", "list", "--json")
    users = {each["name"]: each["servers"] for each in json.loads(listed)["secrets"]}
    assert users["files.API_TOKEN"] == ["files", "other"]


async def test_what_an_editor_asks_for_can_be_given_afterwards(desk: Desk) -> None:
    """Taken over on request, it waits for its value; which, and how to give it, is said."""
    furnish(desk.directory)
    desk.configure({}, listen="127.0.0.1:8099")
    code, shown, _ = await desk.command("import", "vscode", "--dry-run")
    assert "needs value" in shown
    code, shown, told = await desk.command("import", "vscode", "--secrets-to-keyring", "--yes")
    assert (code, told) == (0, "")
    assert "needs value: asks.key" in shown
    assert "Still to be given: mcpproxy-tray secrets set asks.key" in shown
    code, listed, _ = await desk.command("secrets", "list", "--json")
    assert json.loads(listed)["secrets"] == [
        {"name": "asks.key", "has_value": False, "servers": ["asks"]}
    ]


async def test_a_running_engine_moves_them_too(desk: Desk) -> None:
    """Over REST, into the keyring that its servers read from, so that they start with them."""
    prepare(desk)
    desk.configure({})
    async with program(desk) as running:
        offered = await running.http.get("/api/v1/import/cursor")
        assert "planted" not in offered.text
        assert "API_TOKEN" in offered.text
        bad = await running.http.post("/api/v1/import/cursor?secrets=x")
        assert bad.status_code == 400
        await running.post("/api/v1/import/cursor?secrets=keyring")
        world = await running.until(lambda world: "other" in world["servers"])
        assert {each["health"]["admin_state"] for each in world["servers"].values()} == {
            "quarantined"
        }
    check_config(desk)


async def test_without_a_keyring_nothing_is_taken_over(desk: Desk) -> None:
    """Whoever asked for the keyring gets it or a sentence; the config file is as it was."""
    prepare(desk)
    desk.configure({}, listen="127.0.0.1:8099")
    before = desk.config_file.read_text()
    desk.keyring.close()
    code, _, told = await desk.command("import", "cursor", "--secrets-to-keyring", "--yes")
    assert code == 1
    assert "There is no keyring here" in told
    assert desk.config_file.read_text() == before


def test_the_menu_moves_them_if_it_can_and_says_so_if_not(
    tmp_path: Path, keyring: DesktopKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One click: with a keyring nothing is left in plain text; without, a sentence tells why."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    computer = Computer(tmp_path)
    furnish(computer.home)
    file = computer.home / FILES["cursor"][0]
    apps = computer.chores().apps
    file.write_text(json.dumps(CURSOR))
    told = apps.take_over("cursor")
    assert "in the config file, in plain text: There is no keyring here" in told
    assert "planted-shared" in computer.config_file.read_text()

    computer.config_file.write_text('{"mcpServers": {}}')
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring.bus.address)
    assert apps.take_over("cursor").endswith("wait for your approval.")
    assert "planted" not in computer.config_file.read_text()
    assert keyring.items().items() >= IN_KEYRING.items()

"""Connecting AI clients: only our entry comes, and all of it goes again."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clients.catalogue import BY_ID, CLIENTS, Client
from core.clients.connecting import MASK, ClientProblem, State, entry_for
from core.clients.formats import JSON, TOML, YAML, NotEditable, Values
from core.clients.places import Surroundings
from tests.unit.clients.homes import ENDPOINT, FILES, KEY, connections, furnish

NINE = [BY_ID[name] for name in FILES]
CONNECTABLE = [client for client in CLIENTS if client.connects]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    furnish(tmp_path)
    return tmp_path


def file_of(home: Path, client: Client) -> Path:
    return home / FILES[client.id][0]


@pytest.mark.parametrize("client", NINE, ids=lambda client: client.id)
def test_connecting_adds_our_entry_and_nothing_else(home: Path, client: Client) -> None:
    """All lines that were there are there still, in their order; the others are our entry."""
    before = file_of(home, client).read_bytes()
    told = connections(home, key=KEY)
    plan = told.connect(client)
    assert file_of(home, client).read_bytes() == before  # a preview writes nothing
    told.carry_out(plan)
    after = file_of(home, client).read_bytes()
    assert told.state(client).state is State.CONNECTED
    values = client.format.read(after.decode())
    servers = values[client.key]
    assert isinstance(servers, dict)
    target = connections(home, key=KEY)._target
    assert servers.pop("mcpproxy") == entry_for(target, client.dialect)
    assert values == client.format.read(before.decode())
    assert KEY not in plan.diff
    assert (MASK in plan.diff) is (not client.dialect.stdio_only)
    rest = iter(after.decode())
    assert all(character in rest for character in before.decode())


@pytest.mark.parametrize("client", NINE, ids=lambda client: client.id)
def test_undo_brings_back_every_byte(home: Path, client: Client) -> None:
    """Also after connecting twice, and the permissions with it; nothing of ours is left."""
    file = file_of(home, client)
    file.chmod(0o640)
    before = file.read_bytes()
    told = connections(home)
    told.carry_out(told.connect(client))
    assert told.connect(client).changes_nothing
    keyed = connections(home, key=KEY)
    keyed.carry_out(keyed.connect(client))
    told.carry_out(told.undo(client))
    assert file.read_bytes() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list((home / "backups").iterdir()) == []
    assert told.state(client).state is State.NOT_CONNECTED
    with pytest.raises(ClientProblem, match="nothing to undo"):
        told.undo(client)


@pytest.mark.parametrize("client", NINE, ids=lambda client: client.id)
def test_disconnecting_leaves_what_was_changed_since(home: Path, client: Client) -> None:
    """Somebody edits the file after us: undo refuses, disconnect takes out only our entry."""
    file = file_of(home, client)
    before = client.format.read(file.read_text("utf-8"))
    told = connections(home)
    told.carry_out(told.connect(client))
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(ClientProblem, match=f"disconnect {client.id}"):
        told.undo(client)
    told.carry_out(told.disconnect(client))
    assert client.format.read(file.read_text("utf-8")) == before
    assert told.state(client).state is State.NOT_CONNECTED


@pytest.mark.parametrize("client", CONNECTABLE, ids=lambda client: client.id)
def test_a_client_without_a_file_gets_one_and_undo_removes_it(
    tmp_path: Path, client: Client
) -> None:
    """Every client of the catalogue; the file is private, and gone after undo."""
    told = connections(tmp_path)
    assert told.state(client).state is State.ABSENT
    plan = told.connect(client)
    told.carry_out(plan)
    assert told.state(client).state is State.CONNECTED
    assert stat.S_IMODE(plan.file.stat().st_mode) == 0o600
    told.carry_out(told.undo(client))
    assert not plan.file.exists()
    assert told.state(client).state is not State.CONNECTED


def test_f53_a_file_that_changed_after_the_preview_is_not_written(home: Path) -> None:
    """Compare and swap: what another program wrote meanwhile stays."""
    told = connections(home)
    for client in NINE:
        plan = told.connect(client)
        file = file_of(home, client)
        file.write_bytes(file.read_bytes() + b"\n")
        changed = file.read_bytes()
        with pytest.raises(ClientProblem, match="changed by another program"):
            told.carry_out(plan)
        assert file.read_bytes() == changed


def test_an_entry_that_somebody_removed_is_noticed(home: Path) -> None:
    """A client that lost our entry without us says so, and can be connected again."""
    told = connections(home)
    cursor = BY_ID["cursor"]
    told.carry_out(told.connect(cursor))
    file_of(home, cursor).write_text('{"mcpServers": {}}')
    assert told.state(cursor).state is State.REMOVED
    told.carry_out(told.connect(cursor))
    assert told.state(cursor).state is State.CONNECTED


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("cursor", '{"mcpServers": ', "line 1"),
        ("cursor", '{"mcpServers": []}', "mcpServers"),
        ("cursor", "[]", "expected an object"),
        ("codex", "model = ", "Invalid value"),
        ("codex", 'mcp_servers = { a = { command = "x" } }\n', "without harm|overwrite|twice"),
        ("goose", "a: [", "line"),
        ("goose", "extensions: {a: {cmd: x}}\n", "braces"),
        ("goose", "extensions: 5\n", "no servers"),
    ],
)
def test_a_file_we_cannot_edit_is_refused_with_the_reason(
    home: Path, name: str, text: str, why: str
) -> None:
    """The file stays as it is, and the message names client, file and cause."""
    client = BY_ID[name]
    file = file_of(home, client)
    file.write_text(text)
    with pytest.raises(ClientProblem, match=why) as refused:
        connections(home).connect(client)
    assert client.title in str(refused.value)
    assert str(file) in str(refused.value)
    assert file.read_text() == text


def test_a_link_and_a_backup_are_kept_out_of_the_clients_directory(home: Path) -> None:
    """A symbolic link stays one, and no file of ours appears beside the client's."""
    told = connections(home)
    cursor = BY_ID["cursor"]
    file = file_of(home, cursor)
    real = home / "dotfiles.json"
    file.rename(real)
    file.symlink_to(real)
    told.carry_out(told.connect(cursor))
    assert file.is_symlink()
    assert "mcpproxy" in real.read_text("utf-8")
    assert [each.name for each in file.parent.iterdir()] == ["mcp.json"]
    assert {each.stat().st_mode & 0o777 for each in (home / "backups").iterdir()} == {0o600}


NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)


@settings(max_examples=40)
@given(st.dictionaries(NAMES, ENTRIES, max_size=3), ENTRIES, NAMES)
def test_yaml_entries_come_and_go_whatever_they_hold(
    servers: Values, entry: Values, name: str
) -> None:
    """Any values survive being written and read; taking the entry out gives the old content."""
    text = "# head\nfirst: 1\n" + yaml.safe_dump({"servers": servers}) + "last: 2 # tail\n"
    servers.pop(name, None)
    if name in YAML.read(text)["servers"]:  # type: ignore[operator]
        text = YAML.remove(text, "servers", name)
    edited = YAML.set(text, "servers", name, entry)
    assert edited.startswith("# head\nfirst: 1\n")
    assert edited.endswith("last: 2 # tail\n")
    assert YAML.read(edited)["servers"] == {**servers, name: entry}
    assert YAML.read(YAML.remove(edited, "servers", name))["servers"] == servers


@settings(max_examples=40)
@given(ENTRIES, NAMES)
def test_toml_entries_come_and_go_whatever_they_hold(entry: Values, name: str) -> None:
    """Likewise, with tables and remarks around."""
    text = '# head\na = 1\n\n[servers.x]\nb = "c" # d\n\n[servers.x.env]\ne = "f"\n\n[tail]\n'
    edited = TOML.set(text, "servers", name, entry)
    if name != "x":
        assert edited.startswith(text)
        assert TOML.read(TOML.remove(edited, "servers", name)) == tomllib.loads(text)
    servers = TOML.read(edited)["servers"]
    assert isinstance(servers, dict)
    assert servers[name] == entry


@settings(max_examples=40)
@given(ENTRIES, NAMES)
def test_json_entries_come_and_go_whatever_they_hold(entry: Values, name: str) -> None:
    """Likewise, with comments and trailing commas around."""
    text = '// head\n{\n  "servers": {\n    "x ": {"a": 1}, // one\n  },\n}\n'
    edited = JSON.set(text, "servers", name, entry)
    servers = JSON.read(edited)["servers"]
    assert isinstance(servers, dict)
    assert json.dumps(servers[name]) == json.dumps(entry)
    assert JSON.remove(edited, "servers", name) == text


def test_files_are_where_each_system_keeps_them(tmp_path: Path) -> None:
    """Variables come first, and each system has its own place for settings."""
    desktop = BY_ID["claude-desktop"].files[0]
    mac = Surroundings(tmp_path, {}, "darwin").path(desktop)
    windows = Surroundings(tmp_path, {"APPDATA": str(tmp_path / "R")}, "win32").path(desktop)
    linux = Surroundings(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "c")}, "linux").path(desktop)
    name = Path("Claude", "claude_desktop_config.json")
    assert mac == tmp_path / "Library" / "Application Support" / name
    assert windows == tmp_path / "R" / name
    assert linux == tmp_path / "c" / name
    codex = BY_ID["codex"].files[0]
    assert Surroundings(tmp_path, {"CODEX_HOME": "/x"}, "linux").path(codex) == Path(
        "/x/config.toml"
    )
    assert Surroundings(tmp_path, {}, "linux").path(codex) is None


def test_formats_refuse_what_is_no_table_of_servers() -> None:
    """A key that holds something else is never overwritten."""
    for notation, text in ((JSON, '{"s": 1}'), (TOML, "s = 1\n"), (YAML, "s: 1\n")):
        with pytest.raises(NotEditable):
            notation.set(text, "s", "n", {"url": ENDPOINT})

"""The config file on a real disk with the real watcher: nothing lost, nothing half, no surprise."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.config.file import ConfigFile
from core.config.jsonc import parse
from core.config.schema import Overrides
from core.errors import ConfigError, ConfigNotWritten, EditRefused, PermissionProblem
from core.model.config import Config, Http, Listen, ServerName, Stdio
from core.model.intents import AddServers, ChangeServer, RemoveServer
from core.model.status import ConfigProblem

LIMIT = 30.0  # seconds; generous, for a busy machine
URL = "https://example.com/mcp"
GITHUB = ServerName("github")
TEXT = """\
// mine
{
  "api_key": "k",
  "mcpServers": {
    "github": {"command": "a", "future": [1, 2]}, // keep me
    "other": {
      "command": "b",
    },
  },
  "profiles": [],
}
"""

pytestmark = pytest.mark.usefixtures("nothing_left")


def text_with(command: str) -> str:
    """A good file whose one server has that command."""
    return json.dumps({"api_key": "k", "mcpServers": {"github": {"command": command}}})


def command_of(config: Config) -> str:
    """The command of the one server of such a file."""
    transport = config.servers[GITHUB].transport
    assert isinstance(transport, Stdio)
    return transport.command


class Reports:
    """What the watcher reported, in order, and a way to wait for it."""

    def __init__(self) -> None:
        self.all: list[Config | ConfigProblem] = []
        self._more = asyncio.Event()

    def add(self, report: Config | ConfigProblem) -> None:
        self.all.append(report)
        self._more.set()

    async def until(self, condition: Callable[[Config | ConfigProblem], bool]) -> None:
        """Wait until the last report is such a one."""
        async with asyncio.timeout(LIMIT):
            while not (self.all and condition(self.all[-1])):
                self._more.clear()
                await self._more.wait()

    async def config(self, command: str) -> Config:
        """Wait for the configuration whose one server has that command."""
        await self.until(
            lambda report: isinstance(report, Config) and command_of(report) == command
        )
        last = self.all[-1]
        assert isinstance(last, Config)
        return last

    async def problem(self, words: str) -> ConfigProblem:
        """Wait for a problem whose text has these words."""
        await self.until(lambda report: isinstance(report, ConfigProblem) and words in str(report))
        last = self.all[-1]
        assert isinstance(last, ConfigProblem)
        return last


@asynccontextmanager
async def watched(file: ConfigFile) -> AsyncIterator[Reports]:
    """Watch while inside; at the end the watcher stops as it does when the engine stops."""
    reports = Reports()
    task = asyncio.get_running_loop().create_task(file.watch(reports.add, reports.add))
    try:
        yield reports
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=LIMIT)
        assert task.cancelled()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the config file of a test is."""
    return tmp_path / "mcp_config.json"


def config_file(path: Path, **overrides: str) -> ConfigFile:
    """The file without, or with, flags."""
    return ConfigFile(path, Overrides(**overrides))


async def test_the_first_start_writes_a_file_to_edit(tmp_path: Path) -> None:
    """It is private, commented, good as it is, and the second start reads the same key."""
    path = tmp_path / "new" / "dir" / "mcp_config.json"
    config = await config_file(path).load()
    assert re.fullmatch("[0-9a-f]{64}", config.api_key)
    assert config.revision == 1
    assert config.listen == Listen("127.0.0.1", 8080)
    assert [str(server.transport) for server in config.servers.values()] == [
        str(Stdio(command="mcpproxy-tray", args=("example-server",)))
    ]
    assert "//" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert await config_file(path).load() == config


async def test_a_missing_key_is_generated_and_saved(path: Path) -> None:
    """The key is added to the file and the rest of the file stays as it was."""
    before = TEXT.replace('  "api_key": "k",\n', "")
    path.write_text(before)
    config = await config_file(path).load()
    assert re.fullmatch("[0-9a-f]{64}", config.api_key)
    after = path.read_text()
    assert after == before.replace(
        '"profiles": [],\n', f'"profiles": [],\n  "api_key": "{config.api_key}",\n'
    )
    assert (await config_file(path).load()).api_key == config.api_key


async def test_a_key_that_cannot_be_saved_is_kept_in_memory(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The program runs on with one key for all its life, and says so once per version."""
    # a directory of the backup's name is in the way of every write, even for root
    (path.parent / "mcp_config.json.bak").mkdir()
    path.write_text('{"mcpServers": {}}')
    file = config_file(path)
    config = await file.load()
    assert re.fullmatch("[0-9a-f]{64}", config.api_key)
    assert path.read_text() == '{"mcpServers": {}}'
    assert "could not be saved" in caplog.text
    assert config.api_key not in caplog.text
    async with watched(file) as reports:
        path.write_text(text_with("x").replace('"api_key": "k", ', ""))
        assert (await reports.config("x")).api_key == config.api_key


async def test_an_empty_key_is_respected_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Turning the key off is possible, and not silent."""
    path.write_text('{"api_key": ""}')
    assert (await config_file(path).load()).api_key == ""
    assert "api_key is empty" in caplog.text
    assert path.read_text() == '{"api_key": ""}'


async def test_flags_win_and_leave_the_file_alone(path: Path) -> None:
    """A key from outside is used as it is; none is made up for the file."""
    path.write_text('{"listen": "127.0.0.1:1"}')
    config = await config_file(path, api_key="flag", listen="127.0.0.1:2").load()
    assert (config.api_key, config.listen.port) == ("flag", 2)
    assert path.read_text() == '{"listen": "127.0.0.1:1"}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "config: expected a value, got the end of the document (column 1) (line 1)"),
        (b'{\n"a": 1\n"b"', "config: expected ',' or '}', got '\"' (column 7) (line 2)"),
        (b'{"listen": 1}', "listen: expected a string, got a number: put it in double quotes"),
        (b'{"a": "\xff"}', "config: this is not UTF-8 text: save the file as UTF-8 (column 8)"),
        ("{}".encode("utf-16"), "config: this is UTF-16 text: save the file as UTF-8"),
        (b" " * (4 * 2**20 + 1), "config: the file cannot be used: it is larger than 4 MiB"),
    ],
)
async def test_a_bad_file_ends_the_start(path: Path, content: bytes, message: str) -> None:
    """Exit code 4, with file, place and reason; the file is left alone."""
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        await config_file(path).load()
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 4
    assert path.read_bytes() == content


async def test_things_that_are_no_files_end_the_start(tmp_path: Path) -> None:
    """A directory or a pipe in the file's place is named, and nothing waits for it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, why in [(".", "a directory"), ("pipe", "a named pipe"), ("loop", "symbolic links")]:
        async with asyncio.timeout(LIMIT):
            with pytest.raises(ConfigError, match=why):
                await config_file(tmp_path / name).load()


async def test_a_place_that_is_not_ours_ends_the_start() -> None:
    """Exit code 5 and what to do; in /sys not even root may create a file."""
    with pytest.raises(PermissionProblem, match="Make the file and its directory yours") as caught:
        await config_file(Path("/sys/mcpproxy-test.json")).load()
    assert str(caught.value).startswith("/sys/mcpproxy-test.json cannot be read or created: ")
    assert caught.value.exit_code == 5


async def test_an_edit_is_reported_and_counted(path: Path) -> None:
    """Each new content is one revision; touching the file is none."""
    path.write_text(text_with("a"))
    file = config_file(path)
    assert (await file.load()).revision == 1
    async with watched(file) as reports:
        path.write_text(text_with("b"))
        assert (await reports.config("b")).revision == 2
        path.touch()
        path.write_text(text_with("b"))
        path.write_text(text_with("c"))
        assert (await reports.config("c")).revision == 3
    assert [command_of(report) for report in reports.all if isinstance(report, Config)] == [
        "b",
        "c",
    ]


async def test_an_edit_between_load_and_watch_is_not_missed(path: Path) -> None:
    """The watcher looks once by itself when it begins."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    path.write_text(text_with("b"))
    async with watched(file) as reports:
        await reports.config("b")


@pytest.mark.parametrize("replace", [False, True], ids=["written in place", "renamed over"])
async def test_of_a_burst_the_last_edit_counts(path: Path, replace: bool) -> None:
    """Fifty edits in a row, in either way of saving, end at exactly the last content."""
    path.write_text(text_with("first"))
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        for number in range(50):
            target = path.with_suffix(".new") if replace else path
            await asyncio.to_thread(target.write_text, text_with(str(number)))
            if replace:
                await asyncio.to_thread(target.replace, path)
        config = await reports.config("49")
    assert len(reports.all) < 10
    assert config.revision == len(reports.all) + 1


async def test_a_broken_edit_changes_nothing_but_the_problem(path: Path) -> None:
    """The good version is not lost, the problem has its line, and undoing it clears it."""
    path.write_text(text_with("a"))
    file = config_file(path)
    before = await file.load()
    async with watched(file) as reports:
        path.write_text('{\n  "mcpServers": {')
        problem = await reports.problem("expected a name")
        assert problem.file == str(path)
        assert problem.problems[0].line == 2
        path.write_text('{"listen": 1, "tools_limit": 0}')
        problem = await reports.problem("listen")
        assert [entry.path for entry in problem.problems] == ["listen", "tools_limit"]
        path.write_text(text_with("a"))
        assert await reports.config("a") is before


async def test_a_half_written_file_is_awaited(path: Path) -> None:
    """The first half is a problem at most, the whole is the new version."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        text = text_with("b")
        with path.open("w") as writer:
            writer.write(text[:20])
            writer.flush()
            await reports.problem("expected")
            writer.write(text[20:])
        await reports.config("b")


async def test_a_deleted_file_does_not_mean_no_servers(path: Path) -> None:
    """Deleting is a problem that names the backup; the file is welcome back."""
    path.write_text(text_with("a"))
    file = config_file(path)
    before = await file.load()
    async with watched(file) as reports:
        path.unlink()
        problem = await reports.problem("was deleted")
        assert "the last good settings stay active" in str(problem)
        assert "Restore it" in str(problem)
        path.write_text(text_with("a"))
        assert await reports.config("a") is before


async def test_a_directory_that_goes_and_comes_back(tmp_path: Path) -> None:
    """Renaming, deleting and making the directory anew are noticed like edits."""
    directory = tmp_path / "dir"
    directory.mkdir()
    path = directory / "c.json"
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        path.write_text(text_with("seen"))  # now the watcher certainly watches
        await reports.config("seen")
        directory.rename(tmp_path / "gone")
        await reports.problem("was deleted")
        directory.mkdir()
        path.write_text(text_with("b"))
        await reports.config("b")
        path.unlink()
        directory.rmdir()
        await reports.problem("was deleted")
        directory.mkdir()
        path.write_text(text_with("c"))
        await reports.config("c")
        path.write_text(text_with("d"))
        await reports.config("d")


async def test_a_link_that_points_elsewhere_is_noticed(tmp_path: Path) -> None:
    """Swapping a link to the file, or to a directory on the way, loads the new target."""
    for version in ("v1", "v2", "v3"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "c.json").write_text(text_with(version))
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "now").symlink_to("v1")
    (home / "c.json").symlink_to("../now/c.json")
    file = config_file(home / "c.json")
    await file.load()
    async with watched(file) as reports:
        (tmp_path / "v1" / "c.json").write_text(text_with("seen"))
        await reports.config("seen")
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").replace(tmp_path / "now")
        await reports.config("v2")
        (tmp_path / "v2" / "c.json").write_text(text_with("v2 again"))
        await reports.config("v2 again")
        (home / "new").symlink_to("../v3/c.json")
        (home / "new").replace(home / "c.json")
        await reports.config("v3")


async def test_pipes_and_directories_in_its_place_are_problems(path: Path) -> None:
    """Nothing waits for a pipe, and the file is welcome back."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        path.unlink()
        os.mkfifo(path)
        await reports.problem("it is a named pipe; the last good settings stay active")
        path.unlink()
        path.mkdir()
        await reports.problem("it is a directory; the last good settings stay active")
        path.rmdir()
        path.write_text(text_with("b"))
        await reports.config("b")


async def test_enabling_edits_one_entry_and_nothing_else(path: Path) -> None:
    """Comments, order, unknown keys and the other entries stay; the report comes at once."""
    path.write_bytes(TEXT.replace("\n", "\r\n").encode("utf-8-sig"))
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        await file.set_enabled(GITHUB, False)
        (report,) = reports.all
        assert isinstance(report, Config)
        assert [server.enabled for server in report.servers.values()] == [False, True]
        assert report.revision == 2
        edited = TEXT.replace('"future": [1, 2]}', '"future": [1, 2], "enabled": false}')
        assert path.read_bytes() == edited.replace("\n", "\r\n").encode("utf-8-sig")
        await file.set_enabled(GITHUB, False)
        await file.set_enabled(ServerName("other"), True)
        assert len(reports.all) == 1
        await file.set_enabled(GITHUB, True)
        assert path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n") == edited.replace(
            "false", "true"
        )
        # our own writes are no edits: the next report is that of the next edit
        path.write_text(text_with("b"))
        await reports.config("b")
        assert len(reports.all) == 3


@pytest.mark.parametrize("shape", ["list", "servers"])
async def test_enabling_works_in_every_shape(path: Path, shape: str) -> None:
    """The file is written back in the shape it had."""
    entry = {"command": "a"}
    document: dict[str, object] = {"api_key": "k"}
    if shape == "list":
        document["mcpServers"] = [{"name": "x", **entry}, {"name": "github", **entry}]
    else:
        document["servers"] = {"github": entry}
    path.write_text(json.dumps(document, indent=2))
    file = config_file(path)
    await file.load()
    await file.set_enabled(GITHUB, False)
    root = parse(path.read_text()).root.value
    assert isinstance(root, dict)
    if shape == "list":
        assert root["mcpServers"] == [
            {"name": "x", "command": "a"},
            {"name": "github", "command": "a", "enabled": False},
        ]
    else:
        assert root["servers"] == {"github": {"command": "a", "enabled": False}}


async def test_enabling_starts_from_what_is_on_disk(path: Path) -> None:
    """An edit not yet noticed is neither lost nor overwritten."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    reports = Reports()
    file.watch(reports.add, reports.add).close()
    path.write_text(text_with("b"))
    await file.set_enabled(GITHUB, False)
    (report,) = reports.all
    assert isinstance(report, Config)
    assert command_of(report) == "b"
    assert report.servers[GITHUB].enabled is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected a name"),
        ('{"api_key": "k"}', "mcpServers: has no server named 'github' any more"),
        (None, "the file was deleted"),
    ],
)
async def test_enabling_on_a_file_that_is_unfit_is_refused(
    path: Path, content: str | None, message: str
) -> None:
    """Nothing is written over a file that a person is in the middle of editing."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises((ConfigError, EditRefused), match=message):
        await file.set_enabled(GITHUB, False)
    assert (path.read_text() if path.exists() else None) == content


async def test_enabling_that_cannot_be_written_leaves_the_old_file(path: Path) -> None:
    """The sentence has the system's reason and what to do, and the file is whole."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    path.with_name(f"{path.name}.bak").mkdir()
    with pytest.raises(ConfigNotWritten, match=r"Is a directory\. Nothing was changed\. Make it"):
        await file.set_enabled(GITHUB, False)
    assert path.read_text() == text_with("a")
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "lies"),
    [
        ('{"api_key": "", "mcpServers": {"github": {"command": "a"}}} // mine', "mcpServers"),
        ('{"api_key": "", "mcpServers": [{"name": "github", "command": "a"},]}', "mcpServers"),
        ('{"api_key": "", "servers": {"github": {"command": "a"}}}', "servers"),
        ('{"api_key": ""}', "mcpServers"),
    ],
)
async def test_entries_come_change_and_go_in_the_shape_the_file_has(
    path: Path, text: str, lies: str
) -> None:
    """List, map and VS Code's map: what is added is read back, and comments stay."""
    path.write_text(text)
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        new = {"command": "b", "args": ["x"], "env": {"A": "1"}, "quarantined": True, "url": None}
        await file.edit(AddServers(((ServerName("one"), new), (ServerName("two"), {"url": URL}))))
        await file.edit(ChangeServer(ServerName("one"), {"command": "c", "env": None}))
        added = reports.all[-1]
        assert isinstance(added, Config)
        transport = added.servers[ServerName("one")].transport
        assert transport == Stdio(command="c", args=("x",))
        assert added.servers[ServerName("two")].transport == Http(url=URL)
        assert lies in parse(path.read_text()).root.value
        for name in ("one", "two"):
            await file.edit(RemoveServer(ServerName(name)))
        last = reports.all[-1]
        assert isinstance(last, Config)
        assert {*last.servers} == {GITHUB} & {*last.servers}
    assert path.read_text().endswith("// mine") is text.endswith("// mine")


async def test_an_edit_that_would_spoil_the_file_is_refused_with_every_reason(path: Path) -> None:
    """A wrong entry, a name that is taken and one that is gone: nothing is written."""
    path.write_text(text_with("a"))
    file = config_file(path)
    await file.load()
    before = path.read_text()
    wrong = {"url": "ftp://x", "enabled": "yes"}
    with pytest.raises(EditRefused) as refused:
        await file.edit(AddServers(((ServerName("new"), wrong),)))
    assert [problem.path for problem in refused.value.problems] == [
        "mcpServers.new.url",
        "mcpServers.new.enabled",
    ]
    with pytest.raises(EditRefused, match="already"):
        await file.edit(AddServers(((GITHUB, {"command": "a"}),)))
    with pytest.raises(EditRefused, match="no server named 'gone'"):
        await file.edit(RemoveServer(ServerName("gone")))
    with pytest.raises(EditRefused, match="cannot be written as JSON"):
        await file.edit(ChangeServer(GITHUB, {"command": object()}))
    assert path.read_text() == before


async def test_many_switches_at_once_all_count(path: Path) -> None:
    """Concurrent changes happen one after the other, and none is lost."""
    names = [ServerName(f"s{number}") for number in range(20)]
    entries = {name: {"command": "c"} for name in names}
    path.write_text(json.dumps({"api_key": "k", "mcpServers": entries}, indent=1))
    file = config_file(path)
    await file.load()
    async with watched(file) as reports:
        await asyncio.gather(*(file.set_enabled(name, False) for name in names))
        assert len(reports.all) == 20
        last = reports.all[-1]
        assert isinstance(last, Config)
        assert not any(server.enabled for server in last.servers.values())
        assert last.revision == 21
    assert await config_file(path).load() == Config(revision=1, servers=last.servers, api_key="k")

"""The hint about a newer version: only when asked, only where the file says, once per version."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import __version__
from core.model.config import Config
from core.model.status import Snapshot
from tests.fakes.release_feed import ReleaseFeed, release_feed
from tests.fakes.tray_engine import ScriptedEngine, status
from tests.fakes.tray_person import Computer, Person
from tests.unit.tray.test_tray_view import row, walk, world
from tray_app import answers
from tray_app.actions import PutOffUpdate, Verb, command_of
from tray_app.installation import Installation, this_one
from tray_app.local import NOTHING_KNOWN, Local
from tray_app.updates import LARGEST, UpdateProblem, Updates, is_newer, version_in
from tray_app.view import view_of

CHECK = f"diagnostics/{Verb.CHECK_UPDATES}"


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseFeed]:
    monkeypatch.setenv("NO_PROXY", "*")
    with release_feed() as made:
        yield made


def configured(url: str) -> Snapshot:
    return replace(world(status("a")), config=Config(update_url=url))


def test_nobody_is_asked_who_was_not_named() -> None:
    """Without an address there is no row, and no other way to ask."""
    assert not [each for each in walk(view_of(configured("")).menu) if each.id == CHECK]
    with pytest.raises(UpdateProblem, match='"update_url"'):
        Updates(Path("/nonexistent/updates.json"), "").check()


def test_a_newer_version_is_found_shown_at_the_top_and_put_off(
    feed: ReleaseFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked once by a click; said by every later menu without asking, until it is put off."""
    computer = Computer(tmp_path)
    monkeypatch.setenv("PATH", f"{computer.path}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":none")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    computer.update_url = feed.url
    person = Person(ScriptedEngine(), computer.chores())

    def local() -> Local:
        return computer.chores().look(NOTHING_KNOWN)

    assert local().update is None
    assert feed.asked == 0, "looking asks nobody"
    assert row(view_of(configured(feed.url)), CHECK).label == "Check for updates"
    person.click(CHECK)
    command = this_one().update_command()
    assert [body for _, body in person.hears()] == [answers.newer_version("9.8.7", command)]
    assert (local().update, feed.asked) == ("9.8.7", 1)
    menu = view_of(configured(feed.url), local()).menu
    assert [each.label for each in menu[:2]][1] == "Update available: 9.8.7"
    copy, put_off = menu[1].rows
    person.click(copy.id)
    assert computer.copied() == command + "\n"
    assert command_of(put_off.id) == PutOffUpdate("9.8.7")
    person.click(put_off.id)
    assert local().update is None
    feed.body = b'{"tag_name": "v9.9"}'
    person.click(CHECK)
    assert local().update == "9.9", "another version is another matter"


def test_the_newest_says_so(feed: ReleaseFeed, tmp_path: Path) -> None:
    """A click is answered when there is nothing to do, too."""
    feed.body = b'{"version": "%s"}' % __version__.encode()
    computer = Computer(tmp_path)
    computer.update_url = feed.url
    person = Person(ScriptedEngine(), computer.chores())
    person.click(CHECK)
    assert [body for _, body in person.hears()] == [answers.newest_version(__version__)]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"", "answered with status 500"),
        (302, b"", "answered with status 302"),
        (200, b"<html>", "names no version"),
        (200, b"[]", "names no version"),
        (200, b'{"version": "2; rm -rf ~"}', "names no version"),
        (200, b'{"version": "2.0rc1"}', "names no version"),
        (200, b" " * (LARGEST + 1), "more than could be a version"),
    ],
)
def test_an_answer_that_is_none_is_told(
    feed: ReleaseFeed, tmp_path: Path, status: int, body: bytes, why: str
) -> None:
    """Redirects are not followed, and nothing but a number is taken for a version."""
    feed.status, feed.body = status, body
    feed.headers = {"Location": feed.url} if status == 302 else {}
    with pytest.raises(UpdateProblem, match=why):
        Updates(tmp_path / "updates.json", feed.url).check()
    assert feed.asked == 1


def test_an_address_where_nobody_answers_is_told(tmp_path: Path) -> None:
    """With the host's name."""
    with pytest.raises(UpdateProblem, match="could not be asked"):
        Updates(tmp_path / "updates.json", "http://127.0.0.1:1/latest.json").check()


PARTS = st.lists(st.integers(0, 99), min_size=2, max_size=4)


@given(PARTS, PARTS)
def test_versions_are_compared_by_their_numbers(one: list[int], other: list[int]) -> None:
    """2.10 comes after 2.9, and 1.0 is 1.0.0."""

    def written(version: list[int]) -> str:
        return ".".join(map(str, version))

    padded = [*one, 0, 0][:4] > [*other, 0, 0][:4]
    assert is_newer(written(one), written(other)) == padded
    assert not is_newer(written(one), "0.0.dev1")
    assert version_in(f'{{"version": "v{written(one)}"}}'.encode(), "host") == written(one)


@pytest.mark.parametrize("kept", ["", "[]", '{"found": 3}', '{"found": "x", "unwanted": ""}'])
def test_a_spoilt_note_is_no_news(tmp_path: Path, kept: str) -> None:
    """What cannot be read was never found."""
    file = tmp_path / "updates.json"
    file.write_text(kept)
    assert Updates(file, "https://example.com").available() is None


@pytest.mark.skipif(sys.platform == "win32", reason="paths of other systems")
@pytest.mark.parametrize(
    ("mark", "command"),
    [
        ("repo/.git/HEAD", "git -C {}/repo pull"),
        ("env/uv-receipt.toml", "uv tool upgrade mcpproxy-tray"),
        ("env/pipx_metadata.json", "pipx upgrade mcpproxy-tray"),
        ("", "/env/bin/python -m pip install --upgrade mcpproxy-tray"),
    ],
)
def test_each_way_of_installing_has_its_command(tmp_path: Path, mark: str, command: str) -> None:
    """Told by what each leaves in the place it installs to."""
    if mark:
        file = tmp_path / mark
        file.parent.mkdir(parents=True)
        file.touch()
    here = Installation(tmp_path / "env", tmp_path / "repo" / "tray_app", "/env/bin/python")
    assert here.update_command() == command.format(tmp_path)


def test_a_debian_package_is_updated_by_apt() -> None:
    """Its files are where no other way of installing puts them."""
    for package in ("/usr/lib/python3/dist-packages/tray_app", "/opt/mcpproxy-tray/lib/tray_app"):
        here = Installation(Path("/usr"), Path(package), "/usr/bin/python3")
        assert here.update_command() == "sudo apt install --only-upgrade mcpproxy-tray"


def test_this_installation_is_a_clone(tmp_path: Path) -> None:
    """The tests run from one."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        pytest.skip("these tests do not run from a clone")
    assert this_one().update_command() == f"git -C {root} pull"

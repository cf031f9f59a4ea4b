"""Start at login: the file each system expects, and the truth about it."""

from __future__ import annotations

import plistlib
import runpy
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tray_app.autostart
from core.model.findings import Gravity
from tray_app.autostart import (
    Autostart,
    AutostartProblem,
    DesktopEntry,
    LaunchAgent,
    here,
    switch,
)
from tray_app.doctor import at_login

COMMAND = ("/opt/my programs/mcpproxy-tray", "--config", "/home/me/100 % sure.json")


@pytest.fixture(params=[DesktopEntry, LaunchAgent])
def autostart(request: pytest.FixtureRequest, tmp_path: Path) -> Autostart:
    made: Autostart = request.param(tmp_path)
    return made


def test_on_is_on_and_off_leaves_nothing(autostart: Autostart, tmp_path: Path) -> None:
    """What is read is the file itself, which somebody else may remove."""
    assert not autostart.is_on()
    switch(autostart, False, COMMAND)
    switch(autostart, True, COMMAND)
    switch(autostart, True, COMMAND)
    assert autostart.is_on()
    assert [str(file) for file in tmp_path.rglob("*") if file.is_file()] == [autostart.place]
    Path(autostart.place).unlink()
    assert not autostart.is_on()
    switch(autostart, True, COMMAND)
    switch(autostart, False, COMMAND)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_the_program_that_is_started_is_told(autostart: Autostart, tmp_path: Path) -> None:
    """So that the doctor can see when it is gone; of an entry that is off there is none."""
    assert autostart.program() is None
    switch(autostart, True, COMMAND)
    assert autostart.program() == COMMAND[0]
    Path(autostart.place).write_text("nonsense")
    assert autostart.program() is None


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_an_entry_that_the_desktop_turned_off_is_off(tmp_path: Path, line: str) -> None:
    """Desktops' settings keep the file and add a key."""
    entry = DesktopEntry(tmp_path)
    entry.turn_on(COMMAND)
    file = Path(entry.place)
    file.write_text(f"{file.read_text()}{line}\n")
    assert not entry.is_on()
    switch(entry, True, COMMAND)
    assert entry.is_on()


def test_a_file_that_is_broken_is_off(autostart: Autostart) -> None:
    """Bytes that mean nothing start nothing."""
    Path(autostart.place).parent.mkdir(parents=True, exist_ok=True)
    Path(autostart.place).write_bytes(b"\xff\xfe nonsense")
    assert not autostart.is_on()


def test_a_place_that_cannot_be_written_is_told(autostart: Autostart) -> None:
    """With the place and the system's reason."""
    Path(autostart.place).parent.parent.mkdir(parents=True, exist_ok=True)
    Path(autostart.place).parent.write_text("a file where the directory should be")
    with pytest.raises(AutostartProblem, match=r"cannot be changed: \w+"):
        switch(autostart, True, COMMAND)


def test_the_agent_of_macos_holds_the_command_as_it_is(tmp_path: Path) -> None:
    """launchd gets a list, so nothing is quoted."""
    agent = LaunchAgent(tmp_path)
    agent.turn_on(COMMAND)
    assert plistlib.loads(Path(agent.place).read_bytes())["ProgramArguments"] == [*COMMAND]


@given(st.lists(st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1), min_size=1))
def test_the_exec_line_gives_back_every_argument(arguments: list[str]) -> None:
    """Read as the specification says: string escapes first, then quotes, then field codes."""
    from tray_app.autostart import _quoted

    line = " ".join(map(_quoted, arguments))
    assert _read_exec(line) == arguments


def _read_exec(line: str) -> list[str]:
    """An independent reader of the Exec key."""
    line = line.replace("\\\\", "\0").replace("\0", "\\")  # the escapes of every string value
    words: list[str] = []
    word, quoted, at = "", False, 0
    while at < len(line):
        char = line[at]
        if quoted and char == "\\":
            at += 1
            word += line[at]
        elif char == '"':
            quoted = not quoted
        elif char == " " and not quoted:
            words.append(word)
            word = ""
        else:
            word += char
        at += 1
    return [each.replace("%%", "%") for each in [*words, word]]


def test_this_system_has_one(tmp_path: Path) -> None:
    """On Linux below XDG_CONFIG_HOME, where that is set."""
    place = here(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "x")}).place
    assert place == str(tmp_path / "x" / "autostart" / "mcpproxy-tray.desktop")


def test_the_entry_is_valid(tmp_path: Path) -> None:
    """The desktop's own checker has nothing to say, where it is installed."""
    checker = shutil.which("desktop-file-validate")
    if checker is None:
        pytest.skip("needs the program desktop-file-validate (Debian: desktop-file-utils)")
    entry = DesktopEntry(tmp_path)
    entry.turn_on(COMMAND)
    done = subprocess.run([checker, entry.place], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_on_windows_the_settings_have_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned off in the Task Manager it is off; turned on here it is on; off leaves nothing."""
    values: dict[tuple[str, str], object] = {}

    def query(path: str, name: str) -> tuple[object, int]:
        if (path, name) not in values:
            raise FileNotFoundError
        return values[path, name], 1

    def delete(path: str, name: str) -> None:
        if values.pop((path, name), None) is None:
            raise FileNotFoundError

    winreg = ModuleType("winreg")
    vars(winreg).update(
        HKEY_CURRENT_USER=0,
        KEY_SET_VALUE=2,
        REG_SZ=1,
        OpenKey=lambda _root, path, access=0: nullcontext(path),
        CreateKey=lambda _root, path: nullcontext(path),
        QueryValueEx=query,
        SetValueEx=lambda path, name, _none, _kind, value: values.update({(path, name): value}),
        DeleteValue=delete,
    )
    with monkeypatch.context() as windows:
        windows.setitem(sys.modules, "winreg", winreg)
        windows.setattr(sys, "platform", "win32")
        names = runpy.run_path(str(Path(tray_app.autostart.__file__)))
    key: Autostart = names["RunKey"]()
    assert not key.is_on()
    key.turn_on(COMMAND)
    assert key.is_on()
    assert list(values.values()) == [subprocess.list2cmdline(COMMAND)]
    values[names["APPROVED"], names["TITLE"]] = b"\x03" + bytes(11)
    assert not key.is_on()
    key.turn_on(COMMAND)
    assert key.is_on()
    key.turn_off()
    assert values == {}


def test_the_doctor_names_an_entry_whose_program_is_gone(tmp_path: Path) -> None:
    """Left behind by an uninstalled or moved program; off it is nobody's concern."""
    entry, gone = DesktopEntry(tmp_path), tmp_path / "gone" / "mcpproxy-tray"
    assert list(at_login(entry)) == []
    switch(entry, True, (sys.executable,))
    (well,) = at_login(entry)
    assert well.level is Gravity.OK
    switch(entry, True, (str(gone),))
    (stale,) = at_login(entry)
    assert stale.is_wrong
    assert str(gone) in stale.what
    assert "autostart off" in stale.fix

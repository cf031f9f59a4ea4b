"""Opening files and copying text with the desktop's own programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tray_app import desktop
from tray_app.desktop import DesktopFailure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux' openers and clipboards")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_log_is_opened_with_the_desktops_opener(tools: Path, tmp_path: Path) -> None:
    """The opener gets the path as one argument, whatever is in it."""
    log = tmp_path / "server a&b; $(x).log"
    log.touch()
    program(tools, "xdg-open", f'printf %s "$1" > {tmp_path}/opened')
    desktop.open_log(log)
    assert (tmp_path / "opened").read_text() == str(log)


def test_log_that_is_not_there_yet_is_named(tmp_path: Path) -> None:
    """Before the first start of a server there is no log: that is said with its future path."""
    with pytest.raises(DesktopFailure, match=r"not written a log yet.*server-x\.log"):
        desktop.open_log(tmp_path / "server-x.log")


def test_opener_that_fails_leaves_the_path(tools: Path, tmp_path: Path) -> None:
    """When the opener fails, the person gets its status and the path to open by hand."""
    log = tmp_path / "a.log"
    log.touch()
    program(tools, "xdg-open", "exit 3")
    with pytest.raises(DesktopFailure, match=r"exit status 3.*a\.log"):
        desktop.open_file(log)


def test_missing_opener_is_named(tools: Path, tmp_path: Path) -> None:
    """Without an opener the fix and the path are said."""
    log = tmp_path / "a.log"
    log.touch()
    with pytest.raises(DesktopFailure, match=r"install xdg-utils.*a\.log"):
        desktop.open_file(log)


@pytest.mark.parametrize(
    ("installed", "display", "expected"),
    [
        (("wl-copy", "xclip"), {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "wl-copy"),
        (("xclip", "xsel"), {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "xclip"),
        (("wl-copy", "xsel"), {"DISPLAY": ":0"}, "xsel"),
        (("wl-copy", "xclip", "xsel"), {}, None),
        ((), {"DISPLAY": ":0"}, None),
    ],
)
def test_clipboard_tool(
    tools: Path, installed: tuple[str, ...], display: dict[str, str], expected: str | None
) -> None:
    """The first installed tool that this session's display can use."""
    for name in installed:
        program(tools, name, "")
    argv = desktop.clipboard_tool({"PATH": str(tools), **display})
    assert (Path(argv[0]).name if argv else None) == expected


def test_text_reaches_the_clipboard_tool(tools: Path, tmp_path: Path) -> None:
    """The tool reads exactly the text, and a child it leaves behind is not waited for."""
    program(tools, "xclip", f'read -r line; printf %s "$line" > {tmp_path}/copied')
    desktop.copy_text("http://127.0.0.1:8080/mcp", {"PATH": str(tools), "DISPLAY": ":0"})
    assert (tmp_path / "copied").read_text() == "http://127.0.0.1:8080/mcp"


def test_failing_clipboard_tool_is_named(tools: Path) -> None:
    """A tool that fails is named with its exit status."""
    program(tools, "xsel", "exit 1")
    with pytest.raises(DesktopFailure, match=r"xsel failed: exit status 1"):
        desktop.copy_text("x", {"PATH": str(tools), "DISPLAY": ":0"})


def test_no_clipboard_tool_says_what_to_install(tools: Path) -> None:
    """Without a tool the person reads which ones would do."""
    with pytest.raises(DesktopFailure, match="install wl-clipboard, xclip or xsel"):
        desktop.copy_text("x", {"PATH": str(tools), "DISPLAY": os.environ.get("DISPLAY", ":0")})

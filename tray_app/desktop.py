"""What is asked of the desktop by starting one of its programs: open a file, copy a text."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tray_app import text

CLIPBOARD_LIMIT = 5.0
"""Seconds a clipboard tool may take."""


class DesktopFailure(Exception):
    """It could not be done; ``str()`` is a sentence for a person."""


def open_log(path: Path) -> None:
    """Open a server's log, which exists once the server was started. Raises DesktopFailure."""
    if not path.exists():
        raise DesktopFailure(text.no_log_yet(str(path)))
    open_file(path)


def open_file(path: Path) -> None:
    """Open the file in whatever this desktop opens it with. Raises DesktopFailure."""
    if not path.exists():
        raise DesktopFailure(text.no_such_file(str(path)))
    try:
        _open(str(path))
    except DesktopFailure as failure:
        raise DesktopFailure(text.open_by_hand(str(path), str(failure))) from failure


def open_url(url: str) -> None:
    """Open an address of ours in the browser, or raise DesktopFailure. Blocks likewise."""
    try:
        _open(url)
    except DesktopFailure as failure:
        raise DesktopFailure(text.open_url_by_hand(url, str(failure))) from failure


def open_link(url: str) -> None:
    """Open a web address in the person's browser. Raises DesktopFailure."""
    if not url.startswith(("https://", "http://")):
        raise DesktopFailure(text.NO_LINK)
    _open(url)


def _open(what: str) -> None:
    """Raises DesktopFailure.

    Blocks until the opener ends, which some do only when the person closes what was opened.
    """
    if sys.platform == "win32":
        try:
            os.startfile(what)  # noqa: S606 - the person asked to open this very thing
        except OSError as error:
            raise DesktopFailure(f"{error.strerror}.") from error
        return
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        raise DesktopFailure(text.NO_OPENER)
    run([opener, what])


def copy_text(words: str, environment: Mapping[str, str]) -> None:
    """Put the text on the clipboard. Blocks for up to ``CLIPBOARD_LIMIT``.

    A program without a window cannot own a clipboard on Wayland, and on X11 only as long as it
    lives, so the desktop's own tools do it. Raises DesktopFailure.
    """
    argv = clipboard_tool(environment)
    if argv is None:
        raise DesktopFailure(text.NO_CLIPBOARD_TOOL)
    run(argv, words, CLIPBOARD_LIMIT)


def clipboard_tool(environment: Mapping[str, str]) -> list[str] | None:
    """The program that takes a text on stdin and puts it on this desktop's clipboard."""
    tools: list[list[str]] = []
    if sys.platform == "darwin":
        tools = [["pbcopy"]]
    elif sys.platform == "win32":
        tools = [["clip"]]
    else:
        if environment.get("WAYLAND_DISPLAY"):
            tools.append(["wl-copy"])
        if environment.get("DISPLAY"):
            tools += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    for name, *arguments in tools:
        found = shutil.which(name, path=environment.get("PATH"))
        if found is not None:
            return [found, *arguments]
    return None


def run(argv: list[str], stdin: str = "", limit: float | None = None) -> None:
    """Run a tool to its end, of which it gets ``limit`` seconds. Raises DesktopFailure.

    Its output goes nowhere: some tools leave a child behind that would hold the pipe.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
    except OSError as error:
        raise DesktopFailure(text.tool_failed(argv[0], str(error.strerror))) from error
    with process:
        try:
            process.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise DesktopFailure(text.tool_failed(argv[0], text.NO_ANSWER)) from error
    if process.returncode != 0:
        raise DesktopFailure(text.tool_failed(argv[0], text.exit_status(process.returncode)))

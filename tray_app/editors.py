"""Opening a text file at a line, in the editor that this desktop would open it with.

Desktops have no common way to name a line, so the editors that know one are a table; with any
other the file is opened as usual.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tray_app import desktop

ASKING_LIMIT = 5.0
"""Seconds that the question for the usual editor may take."""

COLON = ("{file}:{line}",)
PLUS = ("+{line}", "{file}")
LINE_OPTION = ("--line", "{line}", "{file}")
GO_TO = ("--goto", "{file}:{line}")

EDITORS = {  # by the program's name, as its desktop entry begins
    "code": GO_TO,
    "codium": GO_TO,
    "cursor": GO_TO,
    "featherpad": PLUS,
    "geany": LINE_OPTION,
    "gedit": PLUS,
    "gvim": PLUS,
    "kate": LINE_OPTION,
    "kwrite": LINE_OPTION,
    "mousepad": LINE_OPTION,
    "pluma": PLUS,
    "subl": COLON,
    "xed": PLUS,
    "zed": COLON,
}


def open_at(file: Path, line: int | None) -> None:
    """Open the file, at a line (from 1) where that is known how. Raises DesktopFailure; blocks."""
    argv = None if line is None else _at_line(file, line)
    if argv is None or not file.exists():
        desktop.open_file(file)
    else:
        desktop.run(argv)


def _at_line(file: Path, line: int) -> list[str] | None:
    name = editor(_usual_for(file))
    program = shutil.which(name) if name is not None else None
    if name is None or program is None:
        return None
    return [program, *(part.format(file=file, line=line) for part in EDITORS[name])]


def editor(entry: str) -> str | None:
    """The known editor that a desktop entry such as ``org.kde.kate.desktop`` is of."""
    words = entry.strip().lower().removesuffix(".desktop").split(".")
    return next((word for word in reversed(words) if word in EDITORS), None)


def _usual_for(file: Path) -> str:
    """The desktop entry that opens such files; empty where it cannot be learnt."""
    asked = shutil.which("xdg-mime") if sys.platform == "linux" else None
    if asked is None:
        return ""
    kind = "application/json" if file.suffix == ".json" else "text/plain"
    try:
        told = subprocess.run(
            [asked, "query", "default", kind],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASKING_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout

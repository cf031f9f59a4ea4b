"""Something to read, longer than a menu or a notification: a file that only this person can see."""

from __future__ import annotations

from pathlib import Path

from tray_app import desktop
from tray_app.desktop import DesktopFailure
from tray_app.printable import printable


def show_page(directory: Path, name: str, words: str) -> None:
    """Write the page and open it in whatever this desktop opens text with; blocks.

    Raises DesktopFailure.
    """
    page = directory / name
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        page.unlink(missing_ok=True)
        page.touch(0o600)
        page.write_text(printable(words), encoding="utf-8")
    except OSError as error:
        raise DesktopFailure(f"{page} cannot be written: {error.strerror}.") from error
    desktop.open_file(page)

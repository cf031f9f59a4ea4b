"""Where the files are that come with the program."""

from __future__ import annotations

from pathlib import Path


def assets() -> Path:
    """``tray_app/assets`` when installed, ``assets`` beside ``tray_app`` in the source tree."""
    here = Path(__file__).parent
    installed = here / "assets"
    return installed if installed.is_dir() else here.parent / "assets"

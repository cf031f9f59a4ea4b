"""The pages that explain the fault codes; they come with the program and need no network."""

from __future__ import annotations

from pathlib import Path


def help_page(code: str) -> Path:
    """Where the page of a fault code is: one per code, in Markdown."""
    here = Path(__file__).parent
    installed = here / "faults"
    directory = installed if installed.is_dir() else here.parent / "docs" / "faults"
    return directory / f"{code}.md"

"""The pages that explain the fault codes; they come with the program and need no network."""

from __future__ import annotations

from pathlib import Path


def help_pages() -> Path:
    """The directory of all of them."""
    here = Path(__file__).parent
    installed = here / "faults"
    return installed if installed.is_dir() else here.parent / "docs" / "faults"


def help_page(code: str) -> Path:
    """Where the page of a fault code is: one per code, in Markdown."""
    return help_pages() / f"{code}.md"

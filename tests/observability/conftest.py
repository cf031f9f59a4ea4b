"""A home for the program that is watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data directory and config file that nobody else uses."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return Home(directory)

"""A real keyring, and a home whose program reaches it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.desktop_keyring import DesktopKeyring
from tests.program import Home


@dataclass(slots=True)
class Desk(Home):
    """A home in a desktop session that has this keyring."""

    keyring: DesktopKeyring

    @property
    def environ(self) -> dict[str, str]:
        return {**Home.environ.__get__(self), **self.keyring.environ}


@pytest.fixture
def keyring() -> Iterator[DesktopKeyring]:
    """The real gnome-keyring, unlocked and empty."""
    if shutil.which("gnome-keyring-daemon") is None:
        pytest.skip("needs gnome-keyring")
    with tempfile.TemporaryDirectory(prefix="keys-", ignore_cleanup_errors=True) as directory:
        keyring = DesktopKeyring(Path(directory))
        try:
            keyring.start()
            yield keyring
        finally:
            keyring.close()


@pytest.fixture
def desk(tmp_path: Path, keyring: DesktopKeyring) -> Desk:
    """Nothing is configured yet."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return Desk(directory, keyring)

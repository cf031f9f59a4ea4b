"""Gives each fault test a program to do harm to; the invariants are checked as it ends."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.faults import scene as scenes
from tests.program import Home


class SceneMaker(Protocol):
    """Opens a scene with these servers beside the bystander; see `tests.faults.scene.scene`."""

    def __call__(
        self,
        servers: Mapping[str, dict[str, Any]] | None = None,
        desktop: Mapping[str, str] | None = None,
        **settings: object,
    ) -> AbstractAsyncContextManager[scenes.Scene]: ...


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data directory and config file that nobody else uses."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return Home(directory)


@pytest.fixture
def scene(home: Home, nothing_left: None) -> SceneMaker:
    """``async with scene({"victim": entry("ok")}) as play``: the program, a bystander, onlookers.

    All of I1 to I8 that need no telling are judged as the block ends.
    """

    def make(
        servers: Mapping[str, dict[str, Any]] | None = None,
        desktop: Mapping[str, str] | None = None,
        **settings: object,
    ) -> AbstractAsyncContextManager[scenes.Scene]:
        return scenes.scene(home, servers, desktop, **settings)

    return make

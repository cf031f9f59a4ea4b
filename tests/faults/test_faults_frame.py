"""The frame itself: what it must find, it finds; what is well, it leaves in peace."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.conftest import SceneMaker
from tests.faults.scene import entry

pytestmark = pytest.mark.timeout(90)


async def test_f09_a_server_killed_at_rest_comes_back(scene: SceneMaker) -> None:
    """A server that dies is shown with its cause and the next step, and is well again in time."""
    async with scene({"victim": entry()}) as play:
        await play.ready()
        os.kill(play.server("victim")["pid"], signal.SIGKILL)
        await play.shows("victim", "backoff", code="CRASHED", action="restart")
        await play.recovers("victim")

"""F18, F19, F26: servers that will not end, what they started, and a thousand ends."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from core.model.faults import FaultCode
from tests.faults.conftest import SceneMaker
from tests.faults.invariants import eventually
from tests.faults.scene import GONE, entry
from tests.leaks import alive
from tests.pace import within
from tests.system.upstream import talk

pytestmark = pytest.mark.timeout(300)

CYCLES = 200


async def test_f18_a_server_that_ignores_everything_is_killed(scene: SceneMaker) -> None:
    """End of input, then SIGTERM, then SIGKILL: stopped within the two graces, others served."""
    async with scene({"stubborn": entry("ignore-term")}) as play:
        pid = (await play.shows("stubborn", "ready"))["pid"]
        began = time.monotonic()
        play.configure({"stubborn": entry("ignore-term", enabled=False)})
        await play.until(
            lambda world: world["servers"]["stubborn"]["health"]["summary"] == "Stopping (forcing)"
        )
        await play.shows("stubborn", "disabled")
        assert 6.5 < time.monotonic() - began < within(9.0)
        assert not alive(pid)


async def test_f19_what_a_server_started_ends_with_it(scene: SceneMaker, tmp_path: Path) -> None:
    """In its group, in a session of its own, and as a daemon: none is alive once it stopped."""
    kinds = ("group", "setsid", "daemon", "hold")
    servers = {kind: entry("grandchild", kind, str(tmp_path / kind)) for kind in kinds}
    async with scene(servers) as play:
        await play.ready()
        pids = [int((tmp_path / kind).read_text()) for kind in kinds]
        assert all(alive(pid) for pid in pids)
        play.configure({name: {**each, "enabled": False} for name, each in servers.items()})
        for kind in kinds:
            await play.shows(kind, "disabled")
        family = dict(zip(kinds, pids, strict=True))
        # Killed is not yet gone: the system ends them when it comes to it.
        left = await eventually(lambda: [kind for kind, pid in family.items() if alive(pid)], GONE)
        assert left == []


@pytest.mark.usefixtures("nothing_left")
async def test_f26_no_zombie_is_left_by_many_ends() -> None:
    """Every process that ended was collected, whichever way it ended."""
    before = set(psutil.Process().children())  # orphans of other tests among them
    for number in range(CYCLES):
        script = "exit 3" if number % 2 else "kill -9 $$"
        async with talk.talking(talk.entry("sh", "-c", script)) as talking:
            assert (await talking.fault()).code is FaultCode.EXIT_EARLY
    states = [child.status() for child in set(psutil.Process().children()) - before]
    assert psutil.STATUS_ZOMBIE not in states

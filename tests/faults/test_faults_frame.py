"""The frame itself: what is wrong it finds, and what is well it leaves in peace."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes import faultsrv
from tests.faults.conftest import SceneMaker
from tests.faults.invariants import RUN, Footprint, carriers, disagreements
from tests.faults.scene import CANARY, entry
from tests.program import KEY

pytestmark = pytest.mark.timeout(300)


@contextmanager
def found(what: str) -> Iterator[None]:
    """The frame fails, and says what is wrong."""
    with pytest.raises(AssertionError, match=what):
        yield


async def test_f09_a_server_killed_at_rest_comes_back(scene: SceneMaker) -> None:
    """A server that dies is shown with its cause and the next step, and is well again in time."""
    async with scene({"victim": entry()}) as play:
        await play.ready()
        os.kill(play.server("victim")["pid"], signal.SIGKILL)
        await play.shows("victim", "backoff", code="CRASHED", action="restart")
        await play.recovers("victim")


async def test_a_process_left_behind_is_found_and_ended(scene: SceneMaker) -> None:
    """Whoever carries the run's mark when the program has ended fails the test (I1)."""
    left: list[asyncio.subprocess.Process] = []
    with found("left behind: process"):
        async with scene() as play:
            left.append(
                await asyncio.create_subprocess_exec(
                    *faultsrv.command("ignore-term"),
                    env={RUN: play.stage.run},
                    stdin=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
    assert await asyncio.wait_for(left[0].wait(), 30) == -signal.SIGKILL


async def test_a_descriptor_that_stays_open_is_found(scene: SceneMaker) -> None:
    """Connections that nobody closes show as descriptors the program did not have before (I2)."""
    writers = []
    with found("files: "):
        async with scene() as play:
            parts = urlsplit(play.running.base)
            stream = f"GET /events HTTP/1.1\r\nhost: {parts.netloc}\r\nx-api-key: {KEY}\r\n\r\n"
            for _ in range(3):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
                writer.write(stream.encode())
                writers.append(writer)
    for writer in writers:
        writer.close()
        await asyncio.wait([asyncio.create_task(writer.wait_closed())])


async def test_a_bystander_that_is_not_served_is_found(scene: SceneMaker) -> None:
    """A canary that stops answering fails the test, whatever else went well (I4)."""
    with found("the bystander was not served"):
        async with scene() as play:
            # killing it would not do: its caller would have it tried again, and be served
            await play.running.post(f"/api/v1/servers/{CANARY}/disable?wait=disabled")
            await play.canary.until_refused()
            await play.running.post(f"/api/v1/servers/{CANARY}/enable?wait=ready")


async def test_a_secret_in_a_file_is_found(scene: SceneMaker) -> None:
    """What the canary was given in confidence may be in no file of the program's (I7)."""
    with found(r"logs.note\.txt holds a secret"):
        async with scene() as play:
            note = play.home.directory / "data" / "logs" / "note.txt"
            note.write_text(f"I was told {play.secret}")


async def test_an_action_that_is_not_the_expected_one_is_found(scene: SceneMaker) -> None:
    """The next step offered is compared, not only the state (I6)."""
    async with scene({"broken": entry("exit", "3")}) as play:
        with found("view_logs"):
            await play.shows("broken", "backoff", action="login")


SERVER: dict[str, Any] = {"name": "one", "status": "ready", "tool_count": 2}
METRICS = """\
# TYPE mcpproxy_server_state gauge
mcpproxy_server_state{server="one",state="ready"} 1.0
mcpproxy_server_state{server="one",state="backoff"} 0.0
# TYPE mcpproxy_tools gauge
mcpproxy_tools 2.0
"""


def test_three_views_that_agree_are_one_truth() -> None:
    """Nothing is found where nothing differs (I5)."""
    assert disagreements([SERVER], {"servers": {"one": SERVER}}, METRICS) == []


@pytest.mark.parametrize(
    ("rest", "streamed", "metrics"),
    [
        ([], {"one": SERVER}, METRICS),
        ([SERVER], {}, METRICS),
        ([SERVER], {"one": {**SERVER, "status": "backoff"}}, METRICS),
        ([SERVER], {"one": SERVER}, METRICS.replace("tools 2.0", "tools 3.0")),
        ([SERVER], {"one": SERVER}, METRICS.replace("} 0.0", "} 1.0")),
        ([SERVER], {"one": SERVER}, METRICS.replace("} 1.0", "} 0.0")),
    ],
)
def test_each_view_that_differs_is_found(
    rest: list[dict[str, Any]], streamed: dict[str, Any], metrics: str
) -> None:
    """A server too few, another state or another count in any of the three is found (I5)."""
    assert disagreements(rest, {"servers": streamed}, metrics)


def test_a_footprint_may_shrink_but_not_grow() -> None:
    """Fewer descriptors are no leak; one more is, and a thread pool may fill up (I2)."""
    before = Footprint(files=10, threads=5, tasks=3, children=2)
    assert not Footprint(files=9, threads=7, tasks=3, children=1).beyond(before)
    assert Footprint(files=11, threads=5, tasks=3, children=2).beyond(before)
    assert Footprint(files=10, threads=8, tasks=3, children=2).beyond(before)


def test_nobody_carries_a_mark_that_was_never_given() -> None:
    """Looking for no mark finds nobody, not everybody (I1)."""
    assert carriers("", "") == []

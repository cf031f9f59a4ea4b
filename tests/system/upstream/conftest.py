"""Every async test here runs on the standard loop and on uvloop: both are used by the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.leaks import Traces, adopt_orphans


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail a test that leaves a process, a thread, a pipe or anything but uvloop's own open.

    uvloop makes its signal sockets anew each time it is run, and fixtures run it between tests;
    where it started a process it keeps the null device.
    """
    adopt_orphans(True)
    before = Traces.now()
    yield
    loop = asyncio.get_running_loop()
    await loop.shutdown_default_executor()
    left = before.left_since()
    adopt_orphans(False)
    if isinstance(loop, uvloop.Loop):
        left = [one for one in left if " of socket:" not in one and "/dev/null" not in one]
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)

"""A pipe's descriptor is closed once, by its one owner, on either event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest
import uvloop

from core.upstream.pipe_end import PipeEnd


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_takes_over_the_number_is_left_alone(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """The loop closes the pipe; whatever is opened under its number later stays open."""

    async def play() -> None:
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        end = PipeEnd(os.fdopen(reading, "rb", buffering=0), loop)
        number = end.fileno()
        transport, _ = await loop.connect_read_pipe(asyncio.Protocol, end)
        assert is_open(number)
        transport.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not is_open(number)
        os.dup2(writing, number)  # somebody else's now
        try:
            end.close()
            assert is_open(number)
        finally:
            os.close(number)
            os.close(writing)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(play())


def test_the_descriptor_is_not_inherited_by_other_children() -> None:
    """The copy is closed on exec, so that no other child holds the pipe open."""
    reading, writing = os.pipe()
    loop = asyncio.new_event_loop()
    end = PipeEnd(os.fdopen(reading, "rb", buffering=0), loop)
    try:
        assert not os.get_inheritable(end.fileno())
    finally:
        end.close()
        os.close(writing)
        loop.close()

"""The last barrier: bugs in tasks and callbacks are counted, told once per place, and survived."""

from __future__ import annotations

import asyncio
import gc

import pytest

from core.telemetry.counters import Counters
from core.telemetry.unhandled import PLACES_KEPT, Unhandled


def fail_in_a_callback(secret: str) -> None:
    raise ZeroDivisionError("a bug")


async def fail_in_a_task() -> None:
    raise LookupError("another bug")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_f65_errors_nobody_awaits_are_counted_and_each_place_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The loop goes on; the log has the traceback, and nothing of what was passed around."""
    counters = Counters()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(Unhandled(counters))
    assert counters.unhandled_errors.values == {(): 0.0}
    for _ in range(3):
        loop.call_soon(fail_in_a_callback, "sEcReT")
    task = loop.create_task(fail_in_a_task())
    await settle()
    del task
    gc.collect()
    await settle()
    assert counters.unhandled_errors.values == {(): 4.0}
    first, second = [record for record in caplog.records if record.name.endswith("unhandled")]
    assert first.exc_info is not None
    assert first.exc_info[0] is ZeroDivisionError
    assert "test_unhandled.py" in vars(first)["fields"]["where"]
    assert vars(second)["fields"]["where"].startswith("LookupError in ")
    assert "sEcReT" not in caplog.text


async def test_f65_what_the_loop_itself_complains_of_is_told_in_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without an exception the message is the place; the number of known places is bounded."""
    counters = Counters()
    handler = Unhandled(counters)
    loop = asyncio.get_running_loop()
    for number in range(PLACES_KEPT + 50):
        handler(loop, {"message": f"Task {number} was destroyed but it is pending!"})
    assert counters.unhandled_errors.values == {(): PLACES_KEPT + 50.0}
    assert len(caplog.records) == PLACES_KEPT

"""A request in flight: events in order, one answer, and a waiter that is always woken."""

from __future__ import annotations

import asyncio

import pytest

from core.protocol.calls import Call, CallTimeout, ConnectionLost, Reply

LIMIT = 30.0  # seconds


async def test_answer_that_was_there_first() -> None:
    """An answer that came before anybody waited is returned at once, as often as asked."""
    call = Call()
    assert not call.done
    call.finish(Reply(result=b"{}"))
    assert call.done
    assert await call.arrival() == Reply(result=b"{}")
    assert await call.arrival() == Reply(result=b"{}")


async def test_waiter_is_woken_by_the_answer() -> None:
    """Somebody who already waits gets the answer."""
    call = Call()
    waiting = asyncio.create_task(call.arrival())
    await asyncio.sleep(0)
    call.finish(Reply(error=b"{}"))
    assert await asyncio.wait_for(waiting, LIMIT) == Reply(error=b"{}")


async def test_events_come_first_and_in_order() -> None:
    """Events before the answer are taken first, in the order in which they came."""
    call = Call()
    waiting = asyncio.create_task(call.arrival())
    await asyncio.sleep(0)
    call.event("a", b"1")
    call.event("b", b"2")
    call.finish(Reply(result=b"{}"))
    assert await asyncio.wait_for(waiting, LIMIT) is None
    assert call.events == [("a", b"1"), ("b", b"2")]
    call.events.clear()
    assert await call.arrival() == Reply(result=b"{}")


@pytest.mark.parametrize("failure", [ConnectionLost("gone"), CallTimeout("late")])
async def test_failure_is_raised(failure: Exception) -> None:
    """A request that ends without an answer raises the reason, after its last events."""
    call = Call()
    call.event("a", b"1")
    call.fail(failure)
    assert call.done
    assert await call.arrival() is None
    call.events.clear()
    with pytest.raises(type(failure)) as caught:
        await call.arrival()
    assert caught.value is failure


async def test_only_the_first_end_counts() -> None:
    """After the answer, a second one, a failure and late events change nothing."""
    call = Call()
    call.finish(Reply(result=b"1"))
    call.finish(Reply(result=b"2"))
    call.fail(ConnectionLost("gone"))
    call.event("late", b"")
    assert await call.arrival() == Reply(result=b"1")
    assert call.events == []
    failed = Call()
    failed.fail(ConnectionLost("gone"))
    failed.finish(Reply(result=b"1"))
    with pytest.raises(ConnectionLost):
        await failed.arrival()


async def test_giving_up_waiting_loses_nothing() -> None:
    """A cancelled waiter leaves the request as it was; the next waiter gets what comes."""
    call = Call()
    waiting = asyncio.create_task(call.arrival())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    call.event("a", b"1")
    assert await call.arrival() is None
    call.events.clear()
    call.finish(Reply(result=b"{}"))
    assert await call.arrival() == Reply(result=b"{}")

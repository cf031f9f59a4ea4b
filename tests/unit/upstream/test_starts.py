"""Turns for starting: never too many, in order, never lost."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from core.upstream.starts import Starts, Turn


def never() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_f29_no_more_than_so_many_start_at_once_and_the_rest_in_order() -> None:
    """The third of two waits until a turn ends; those who wait get theirs in order."""
    starts = Starts(at_once=2)
    first, second = await starts.turn(never()), await starts.turn(never())
    got: list[int] = []

    async def wait(number: int) -> Turn | None:
        turn = await starts.turn(never())
        got.append(number)
        return turn

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert got == []
    for turn in (first, second):
        assert turn is not None
        turn.end()
        turn.end()  # a second time changes nothing
    await asyncio.wait(waiting[:2])
    assert got == [0, 1]
    third = waiting[0].result()
    assert third is not None
    third.end()
    await waiting[2]
    assert got == [0, 1, 2]


async def test_who_is_told_to_end_while_waiting_gets_no_turn_and_loses_none() -> None:
    """A server removed before its turn leaves the queue, and the turn goes to the next."""
    starts = Starts(at_once=1)
    holder = await starts.turn(never())
    closing = never()
    leaving = asyncio.create_task(starts.turn(closing))
    staying = asyncio.create_task(starts.turn(never()))
    await asyncio.sleep(0)
    closing.set_result(None)
    assert await leaving is None
    assert holder is not None
    holder.end()
    assert await staying is not None


@given(steps=st.lists(st.sampled_from(["ask", "end", "close", "cancel"]), max_size=40))
def test_turns_are_neither_lost_nor_doubled(steps: list[str]) -> None:
    """Whatever mixture of asking, ending, closing and cancelling, all turns are there again."""

    async def play() -> None:
        starts = Starts(at_once=2)
        asking: list[tuple[asyncio.Task[Turn | None], asyncio.Future[None]]] = []
        for step in steps:
            if step == "ask":
                closing = never()
                asking.append((asyncio.create_task(starts.turn(closing)), closing))
            elif asking:
                task, closing = asking.pop(0)
                if step == "close" and not closing.done():
                    closing.set_result(None)
                elif step == "cancel":
                    task.cancel()
                await asyncio.wait([task, asyncio.ensure_future(asyncio.sleep(0))], timeout=0)
                await asyncio.sleep(0)
                if task.done() and not task.cancelled():
                    turn = task.result()
                    if turn is not None:
                        turn.end()
                elif not task.done():
                    asking.append((task, closing))
            assert sum(_holds(task) for task, _ in asking) <= 2
        for _, closing in asking:
            if not closing.done():
                closing.set_result(None)
        for task, _ in asking:
            turn = await task
            if turn is not None:
                turn.end()
        both = [await starts.turn(never()) for _ in range(2)]
        for turn in both:
            assert turn is not None
            turn.end()

    asyncio.run(play())


def _holds(task: asyncio.Task[Turn | None]) -> bool:
    return task.done() and not task.cancelled() and task.result() is not None

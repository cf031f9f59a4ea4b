"""The engine's thread: one gate in, which leaves no work pending, whatever the moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

import pytest

from core.engine.clock import LoopClock
from core.engine.engine import Engine
from core.engine.thread import EngineThread, new_loop
from core.errors import EngineStopped, PortInUse
from core.model.config import ServerName
from core.model.intents import RestartServer, Show, Shutdown
from core.model.status import EnginePhase, Phase
from core.ports import Door
from core.telemetry.counters import Counters
from tests.fakes.connector import FakeConnector, FakePeer
from tests.fakes.source import FakeSource, server

LIMIT = 30.0  # seconds for anything to happen
LOOPS = [asyncio.new_event_loop, new_loop]


async def program(started: Callable[[Door], None]) -> None:
    """The smallest whole: an engine with one server, until Shutdown."""
    async with asyncio.TaskGroup() as tasks:
        source = FakeSource(server("one"))
        engine = Engine(
            source=source,
            connect=FakeConnector(FakePeer.connect),
            tasks=tasks,
            clock=LoopClock(),
            counters=Counters(),
        )
        engine.start(source.config)
        engine.announce("http://127.0.0.1:1/mcp")
        started(engine)
        await engine.shutdown_asked.wait()
        engine.refuse_work()
        assert await engine.stop_servers(LIMIT)


def _until_ready(thread: EngineThread) -> None:
    woken = threading.Event()
    subscription = thread.subscribe(woken.set)
    while True:
        woken.clear()
        batch = subscription.take()
        if batch and batch.snapshot.servers[ServerName("one")].phase is Phase.READY:
            subscription.close()
            return
        assert woken.wait(LIMIT)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_consumer_on_another_thread(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """It starts, is followed through a subscription, takes work, and ends when asked."""
    thread = EngineThread(program, loop_factory)
    thread.start(LIMIT)
    assert thread.snapshot.engine is EnginePhase.RUNNING
    _until_ready(thread)
    assert thread.submit(RestartServer(ServerName("one"))).result(LIMIT) > 0
    _until_ready(thread)
    thread.submit(Shutdown()).result(LIMIT)
    thread.stopped.result(LIMIT)
    assert thread.snapshot.engine is EnginePhase.STOPPING
    with pytest.raises(EngineStopped):
        thread.submit(Show()).result(LIMIT)
    with pytest.raises(EngineStopped):
        thread.subscribe(lambda: None)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_storm_of_work_against_stopping_leaves_nothing_pending(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """A hundred rounds each: whatever was handed over is done or refused, never forgotten."""
    done = refused = 0
    for _ in range(100):
        thread = EngineThread(program, loop_factory)
        thread.start(LIMIT)
        futures: list[Future[int]] = []
        weather = threading.Thread(target=_storm, args=(thread, futures))
        weather.start()
        thread.submit(Shutdown()).result(LIMIT)
        thread.stopped.result(LIMIT)
        weather.join(LIMIT)
        assert not weather.is_alive()
        assert not wait(futures, LIMIT).not_done
        for future in futures:
            assert not future.cancelled()
            if future.exception() is None:
                done += 1
            else:
                assert isinstance(future.exception(), EngineStopped)
                refused += 1
    assert done
    assert refused


def _storm(thread: EngineThread, futures: list[Future[int]]) -> None:
    """Hand over work in bursts until it is refused for good, and a little longer."""
    while not thread.stopped.done():
        futures.extend(thread.submit(Show()) for _ in range(10))
        wait(futures[-1:], LIMIT)
    futures.append(thread.submit(Show()))


def test_a_start_that_fails_raises_its_cause() -> None:
    """The caller gets the very exception, and the thread is over."""

    async def busy(started: Callable[[Door], None]) -> None:
        raise PortInUse("Port 8080 is in use.")

    thread = EngineThread(busy)
    with pytest.raises(PortInUse, match="8080"):
        thread.start(LIMIT)
    assert isinstance(thread.stopped.exception(LIMIT), PortInUse)


def test_a_program_that_ends_without_having_started() -> None:
    """It is no start either, though nothing was raised."""

    async def idle(started: Callable[[Door], None]) -> None:
        return

    with pytest.raises(EngineStopped):
        EngineThread(idle).start(LIMIT)


def test_a_start_that_takes_too_long_is_ended() -> None:
    """The caller is told, and the thread does not live on behind its back."""
    ended = threading.Event()

    async def endless(started: Callable[[Door], None]) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    thread = EngineThread(endless)
    with pytest.raises(EngineStopped, match=r"did not come up in 0\.1 s"):
        thread.start(0.1)
    assert ended.wait(LIMIT)
    assert thread.stopped.exception(LIMIT) is not None


def test_an_engine_that_dies_later_says_why() -> None:
    """What ends the program after its start is found in ``stopped``, and work is refused."""

    async def mortal(started: Callable[[Door], None]) -> None:
        await asyncio.wait_for(program(_then_die(started)), LIMIT)

    thread = EngineThread(mortal)
    thread.start(LIMIT)
    failure = thread.stopped.exception(LIMIT)
    assert isinstance(failure, ExceptionGroup)
    assert "a bug" in repr(failure.exceptions)
    with pytest.raises(EngineStopped):
        thread.submit(Show()).result(LIMIT)


def _then_die(started: Callable[[Door], None]) -> Callable[[Door], None]:
    def dying(door: Door) -> None:
        started(door)
        raise ZeroDivisionError("a bug")

    return dying


async def test_the_real_clock_counts_as_its_loop_does() -> None:
    """A timer fires at its moment and not before; a cancelled one does not."""
    clock, loop = LoopClock(), asyncio.get_running_loop()
    fired: asyncio.Future[float] = loop.create_future()
    never: list[int] = []
    due = clock.now() + 0.05
    clock.call_at(due - 0.02, lambda: never.append(1)).cancel()
    clock.call_at(due, lambda: fired.set_result(clock.now()))
    assert await asyncio.wait_for(fired, LIMIT) >= due - 0.002  # the loop's own resolution
    assert never == []
    assert clock.wall().utcoffset() is not None

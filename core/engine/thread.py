"""The engine's own thread and event loop, with one way in and one way out.

In: ``submit`` (and ``subscribe``), from any thread. Out: the subscription a consumer drains on
its own thread. Snapshots cross by reference; nothing else is shared.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

from core.engine.workers import workers
from core.errors import EngineStopped
from core.model.intents import Intent
from core.model.status import Snapshot
from core.ports import Door, Subscription

T = TypeVar("T")


class Program(Protocol):
    """What runs on the thread: calls ``started`` once it is up, returns when it has stopped."""

    def __call__(self, started: Callable[[Door], None]) -> Coroutine[Any, Any, None]: ...


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where there is one: its pipes and sockets cost a third of the standard ones."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class EngineThread:
    """Runs a program on its own thread; usable from every other thread."""

    def __init__(
        self,
        program: Program,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = new_loop,
    ) -> None:
        self.stopped: Future[None] = Future()  # completes when the engine has ended
        self._program = program
        self._loop_factory = loop_factory
        self._started: Future[Door] = Future()
        self._door: Door | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main_task: asyncio.Task[None] | None = None
        # Orders "hand work to the loop" against "the loop takes no more": work handed over is
        # either carried out or refused, and never left pending.
        self._gate = threading.Lock()
        self._open = False

    def start(self, timeout: float) -> None:
        """Return once the engine is up, or raise what its start raised.

        Raises EngineStopped, and ends the program, when that takes more than ``timeout`` seconds.
        """
        # An executor of one thread, because its future carries any exception across by itself.
        executor = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self.stopped = executor.submit(self._run)
        self.stopped.add_done_callback(self._ended_before_start)
        executor.shutdown(wait=False)
        wait([self._started], timeout)
        if not self._started.done():
            self._cancel()
            raise EngineStopped(
                f"MCP Proxy Tray did not come up in {timeout:g} s. Its log says how far it came."
            )
        self._door = self._started.result()

    @property
    def snapshot(self) -> Snapshot:
        assert self._door is not None
        return self._door.snapshot

    def subscribe(self, wake: Callable[[], object]) -> Subscription:
        """A slot holding the whole world; ``wake`` is called from the engine's thread.

        Raises EngineStopped.
        """
        door = self._door
        assert door is not None

        async def subscribed() -> Subscription:
            return door.subscribe(wake)

        return self._hand_over(subscribed()).result()

    def submit(self, intent: Intent) -> Future[int]:
        """Ask for something; the future holds the accepting seq, or IntentRefused and the like."""
        assert self._door is not None
        return self._hand_over(self._door.submit(intent))

    def _hand_over(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._gate:
            if self._open and self._loop is not None:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        refused: Future[T] = Future()
        refused.set_exception(EngineStopped("MCP Proxy Tray has stopped."))
        return refused

    def _cancel(self) -> None:
        with self._gate:
            if self._main_task is not None and self._loop is not None:
                self._loop.call_soon_threadsafe(self._main_task.cancel)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            self._loop = runner.get_loop()
            self._loop.set_default_executor(workers())
            runner.run(self._main())

    def _ended_before_start(self, stopped: Future[None]) -> None:
        if not self._started.done():
            self._started.set_exception(stopped.exception() or EngineStopped("It ended at once."))

    async def _main(self) -> None:
        def started(door: Door) -> None:
            with self._gate:
                self._open = True
            self._started.set_result(door)

        self._main_task = asyncio.current_task()
        try:
            await self._program(started)
        finally:
            with self._gate:
                self._open = False
                self._main_task = None
            # What was handed over before the gate closed becomes a task in the loop's next
            # turn; let it run (it is refused by the stopping engine) before the loop goes.
            for _ in range(2):
                await asyncio.sleep(0)

"""Runs work on the thread that owns the icon: the verbs, and Linux' own mailbox."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Protocol

Work = Callable[[], None]


class UiThread(Protocol):
    """The thread that owns the icon."""

    def post(self, work: Work) -> None:
        """Run ``work`` soon; from any thread. Dropped once the icon's loop is over."""

    def later(self, seconds: float, work: Work) -> None:
        """Run ``work`` after that many seconds; from the UI thread."""

    def on_stop_request(self, work: Work) -> None:
        """Call ``work`` when the system or a terminal asks the program to end; main thread.

        Called again when it asks again in the same way.
        """


def stop_signals() -> tuple[signal.Signals, ...]:
    """What asks a program to end, where there are signals."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup: it is to outlive its terminal
        return signal.SIGINT, signal.SIGTERM
    return signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class LoopThread:
    """Linux: the icon's loop is an asyncio loop of its own on the main thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def post(self, work: Work) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(work)

    def later(self, seconds: float, work: Work) -> None:
        self.loop.call_later(seconds, work)

    def on_stop_request(self, work: Work) -> None:
        seen: set[signal.Signals] = set()

        def asked(number: signal.Signals) -> None:
            # systemd sends SIGHUP right after SIGTERM, which means nothing more.
            if not seen or number in seen:
                work()
            seen.add(number)

        for number in stop_signals():
            self.loop.add_signal_handler(number, asked, number)

"""Runs work on the thread that owns the icon: one mailbox per platform, same three verbs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Protocol

Work = Callable[[], None]

STOP_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
if sys.platform != "win32":
    STOP_SIGNALS += (signal.SIGHUP,)


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

        for number in STOP_SIGNALS:
            wants_to_outlive_its_terminal = (
                number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN  # nohup
            )
            if not wants_to_outlive_its_terminal:
                self.loop.add_signal_handler(number, asked, number)


if sys.platform == "darwin":
    from PyObjCTools import AppHelper, MachSignals

    class AppKitThread:
        """macOS: AppKit may be touched on the main thread only, or the process ends."""

        def post(self, work: Work) -> None:
            AppHelper.callAfter(work)

        def later(self, seconds: float, work: Work) -> None:
            AppHelper.callLater(seconds, work)

        def on_stop_request(self, work: Work) -> None:
            # Posted, so that it comes after pystray's own handler, which would end the
            # process at once with every server still running.
            self.post(lambda: self._replace(work))

        def _replace(self, work: Work) -> None:
            for number in STOP_SIGNALS:
                MachSignals.signal(number, lambda _number: work())


if sys.platform == "win32":
    import collections
    import ctypes
    import threading

    from pystray import _base
    from pystray._util import win32

    WM_MAIL = win32.WM_USER + 100
    """A message of our own, clear of those pystray uses."""

    class WindowThread:
        """Windows: work travels as a message to the icon's hidden window."""

        def __init__(self, icon: _base.Icon) -> None:
            self._icon = icon
            self._mail: collections.deque[Work] = collections.deque()
            self._on_console_event: object = None
            icon._message_handlers[WM_MAIL] = self._deliver

        def post(self, work: Work) -> None:
            self._mail.append(work)
            if self._icon._hwnd:
                win32.PostMessage(self._icon._hwnd, WM_MAIL, 0, 0)

        def later(self, seconds: float, work: Work) -> None:
            timer = threading.Timer(seconds, self.post, (work,))
            timer.daemon = True
            timer.start()

        def on_stop_request(self, work: Work) -> None:
            # Python's own handler would run only after the next window message.
            def asked(_event: int) -> bool:
                work()
                return True

            self._on_console_event = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(asked)
            ctypes.windll.kernel32.SetConsoleCtrlHandler(self._on_console_event, True)

        def _deliver(self, _wparam: int, _lparam: int) -> int:
            while self._mail:
                self._mail.popleft()()
            return 0

"""Windows: pystray's icon, driven through its window's messages; its menu stays while it shows.

Follows pystray 0.19.5's ``_win32.py``; tested with a stand-in for the Win32 API, and by people
with ``docs/platform-checklist.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tray_app import text

# In UTF-16 units, one less than the fixed buffers of NOTIFYICONDATAW: ctypes raises beyond.
TIP_LIMIT = 127
TITLE_LIMIT = 63
BODY_LIMIT = 255


def fitting(words: str, units: int) -> str:
    """As much of the words as fits into so many UTF-16 units, on one line."""
    limit = units
    while len(cut := text.one_line(words, limit).encode("utf-16-le")) > 2 * units:
        limit -= 1
    return cut.decode("utf-16-le")


if sys.platform == "win32":
    import collections
    import ctypes
    import threading

    import pystray
    from pystray._util import win32

    from tray_app import icons
    from tray_app.alert import Alert
    from tray_app.pystray_shell import APP_ID, Clicked, Look, Shell
    from tray_app.ui_thread import Work

    PIXELS = 64
    """Of the one picture, which Windows scales down."""

    WM_QUERYENDSESSION = 0x0011
    WM_ENDSESSION = 0x0016
    WM_MAIL = win32.WM_USER + 100
    """A message of our own, clear of those pystray uses."""

    CLOSING = (2, 5, 6)
    """Events of the console after which Windows ends the process as soon as the handler returns:
    its window is closed, the person logs off, the computer shuts down."""

    class WindowThread:
        """The main thread; work travels as a message to the icon's hidden window."""

        def __init__(self, icon: pystray.Icon) -> None:
            self._icon = icon
            self._mail: collections.deque[Work] = collections.deque()
            self._on_console_event: object = None
            icon._message_handlers[WM_MAIL] = self._deliver
            # pystray answers 0 to what it does not know, and to this it means: do not log off.
            icon._message_handlers[WM_QUERYENDSESSION] = lambda _wparam, _lparam: 1

        def post(self, work: Work) -> None:
            self._mail.append(work)
            if self._icon._hwnd:
                win32.PostMessage(self._icon._hwnd, WM_MAIL, 0, 0)

        def later(self, seconds: float, work: Work) -> None:
            timer = threading.Timer(seconds, self.post, (work,))
            timer.daemon = True
            timer.start()

        def on_stop_request(self, work: Work) -> None:
            def session_ends(is_certain: int, _lparam: int) -> int:
                if is_certain:
                    work()
                return 0

            # On a thread of its own: Python's handler runs only after the next window message.
            def asked(event: int) -> bool:
                work()
                if event in CLOSING:
                    threading.Event().wait()  # the time until we have ended, or Windows has us
                return True

            self._icon._message_handlers[WM_ENDSESSION] = session_ends
            self._on_console_event = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(asked)
            ctypes.windll.kernel32.SetConsoleCtrlHandler(self._on_console_event, True)

        def _deliver(self, _wparam: int, _lparam: int) -> int:
            while self._mail:
                self._mail.popleft()()
            return 0

    class WindowsIcon(pystray.Icon):
        """Does not take away the menu that is being shown, as pystray's own would."""

        def __init__(self, looked_at: Work) -> None:
            self._looked_at = looked_at
            self._shows_menu = False
            self._menu_is_old = False
            self._shown_alert = ""
            super().__init__(APP_ID)

        def _on_notify(self, wparam: int, lparam: int) -> None:
            if lparam not in (win32.WM_LBUTTONUP, win32.WM_RBUTTONUP):
                return
            self._looked_at()
            self._shows_menu = True
            try:
                super()._on_notify(wparam, win32.WM_RBUTTONUP)  # returns when it is closed
            finally:
                self._shows_menu = False
                if self._menu_is_old:
                    self._update_menu()

        def _update_menu(self) -> None:
            self._menu_is_old = self._shows_menu
            if not self._shows_menu:
                super()._update_menu()

        def _notify(self, message: str, title: str | None = None) -> None:
            self._shown_alert = ""
            super()._notify(fitting(message, BODY_LIMIT), fitting(title or "", TITLE_LIMIT))

        def show_alert(self, alert: Alert) -> None:
            self.notify(alert.body, alert.title)
            self._shown_alert = alert.id

        def withdraw_alert(self, id_: str) -> None:
            """There is one at a time: take it back only if it is this one."""
            if id_ == self._shown_alert:
                self._shown_alert = ""
                self.remove_notification()

    def create(clicked: Clicked, looked_at: Callable[[], None]) -> Shell:
        """On the main thread, which will run it."""
        ctypes.windll.user32.SetProcessDPIAware()  # sharp menus; before there is a window
        icon = WindowsIcon(looked_at)
        look = Look(
            lambda state: icons.image(state, PIXELS),
            label=lambda words: words.replace("&", "&&"),
            title=lambda words: fitting(words, TIP_LIMIT),
            alert=icon.show_alert,
            withdraw=icon.withdraw_alert,
            always_has_a_tray=True,
        )
        return Shell(WindowThread(icon), icon, look, clicked)

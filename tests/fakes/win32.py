"""A stand-in for the parts of the Win32 API that pystray uses: windows, messages, menus, the icon.

The menu has a loop of its own that delivers messages while it is shown, as there. Taking away a
menu that is shown, or touching the icon on another thread, ends the process.
Reference: Microsoft's documentation of the functions that bear the same names.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import queue
import sys
import threading
from collections.abc import Callable
from ctypes import wintypes
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

from PIL import Image

WM_QUIT, WM_USER = 0x0012, 0x400
WM_CHOSEN = WM_USER + 500  # ours: a person chose a row of the menu that is shown, or none

CONSTANTS = {
    "WM_CREATE": 0x0001, "WM_DISPLAYCHANGE": 0x007E, "WM_NCCREATE": 0x0081,
    "WM_LBUTTONUP": 0x0202, "WM_RBUTTONUP": 0x0205, "WM_USER": WM_USER,
    "WM_STOP": WM_USER + 10, "WM_NOTIFY": WM_USER + 11, "WM_TASKBARCREATED": 0xC000,
    "LR_DEFAULTSIZE": 0x40, "LR_LOADFROMFILE": 0x10, "IMAGE_ICON": 1,
    "MFS_CHECKED": 8, "MFS_DEFAULT": 0x1000, "MFS_DISABLED": 3,
    "MFT_RADIOCHECK": 0x200, "MFT_SEPARATOR": 0x800,
    "MIIM_FTYPE": 0x100, "MIIM_ID": 2, "MIIM_STATE": 1, "MIIM_STRING": 0x40, "MIIM_SUBMENU": 4,
    "MSGFLT_ALLOW": 1, "NIF_MESSAGE": 1, "NIF_ICON": 2, "NIF_TIP": 4, "NIF_INFO": 0x10,
    "NIM_ADD": 0, "NIM_MODIFY": 1, "NIM_DELETE": 2, "PM_NOREMOVE": 0,
    "TPM_RIGHTALIGN": 8, "TPM_BOTTOMALIGN": 0x20, "TPM_RETURNCMD": 0x100,
    "WS_POPUP": 0x80000000, "COLOR_WINDOW": 5,
}  # fmt: skip

WindowProcedure = Callable[[int, int, int, int], int]


class Given(ctypes.Structure):
    """What a caller fills in by name."""

    def __init__(self, **values: object) -> None:
        super().__init__()
        vars(self).update(values)


class NotifyIconData(ctypes.Structure):
    """The buffers are as small as the real ones."""

    _fields_ = (
        ("cbSize", wintypes.DWORD),
        ("hWnd", ctypes.c_size_t),
        ("uFlags", wintypes.UINT),
        ("uCallbackMessage", wintypes.UINT),
        ("hIcon", ctypes.c_size_t),
        ("szTip", wintypes.WCHAR * 128),
        ("szInfo", wintypes.WCHAR * 256),
        ("szInfoTitle", wintypes.WCHAR * 64),
    )


def given(reference: object) -> Any:
    """What a reference made by ``byref`` refers to; ctypes makes one itself where it has to."""
    return getattr(reference, "_obj", reference)


def on_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        fail("the icon was touched on another thread than the main one")


def fail(words: str) -> NoReturn:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
    os._exit(1)


class Screen:
    """The one desktop: its windows, their messages, and what the notification area shows."""

    def __init__(self) -> None:
        self._handles = itertools.count(1)
        self._messages: queue.SimpleQueue[tuple[int, int, int, int]] = queue.SimpleQueue()
        self._procedures: dict[int, WindowProcedure] = {}  # of classes and of windows
        self._windows: list[int] = []
        self._menus: dict[int, list[Given]] = {}
        self._shown_menu = 0
        self.icon: dict[str, str] = {}
        self.dpi_aware = False
        self.console: Callable[[int], int] = lambda _event: 0

    # Windows and messages

    def register(self, kind: object) -> int:
        self._procedures[atom := next(self._handles)] = given(kind).lpfnWndProc
        return atom

    def create(self, _style: int, atom: int, *_rest: object) -> int:
        self._procedures[window := next(self._handles)] = self._procedures[atom]
        self._windows.append(window)
        return window

    def post(self, window: int, message: int, wparam: int, lparam: int) -> int:
        self._messages.put((window, message, wparam, lparam))
        return 1

    def get(self, into: object, *_rest: object) -> int:
        message = given(into)
        message.hWnd, message.message, message.wParam, message.lParam = self._messages.get()
        return int(message.message != WM_QUIT)

    def dispatch(self, reference: object) -> int:
        message = given(reference)
        window = message.hWnd or 0
        return self.send(window, message.message, message.wParam or 0, message.lParam or 0)

    def send(self, window: int, message: int, wparam: int, lparam: int) -> int:
        return self._procedures[window](window, message, wparam, lparam)

    # Menus

    def create_menu(self) -> int:
        on_main_thread()
        self._menus[menu := next(self._handles)] = []
        return menu

    def insert(self, menu: int, _place: int, _by_place: bool, item: object) -> int:
        self._menus[menu].append(given(item))
        return 1

    def destroy_menu(self, menu: int) -> int:
        if menu == self._shown_menu:
            fail("a menu was taken away while it was shown")
        for item in self._menus.pop(menu):
            if getattr(item, "hSubMenu", None):
                self.destroy_menu(item.hSubMenu)
        return 1

    def track(self, menu: int, *_rest: object) -> int:
        """Show the menu, deliver messages meanwhile, and return what was chosen."""
        self._shown_menu = menu
        while True:
            window, message, wparam, lparam = self._messages.get()
            if message == WM_CHOSEN:
                self._shown_menu = 0
                return wparam
            self.send(window, message, wparam, lparam)

    # The icon

    def notify(self, code: int, reference: object) -> int:
        on_main_thread()
        data = given(reference)
        if code == CONSTANTS["NIM_DELETE"]:
            self.icon.clear()
        if data.uFlags & CONSTANTS["NIF_TIP"]:
            self.icon["tip"] = data.szTip
        if data.uFlags & CONSTANTS["NIF_INFO"]:
            self.icon["told"] = f"{data.szInfoTitle}: {data.szInfo}" if data.szInfo else ""
        return 1

    def load(self, _instance: object, path: str, *_rest: object) -> int:
        with Image.open(path) as picture:
            picture.verify()
        return next(self._handles)

    # What a person and the system do, from any thread

    def press(self, button: str) -> None:
        """A click of the mouse on the icon."""
        message = CONSTANTS[f"WM_{button}BUTTONUP"]
        self.post(self._windows[0], CONSTANTS["WM_NOTIFY"], 0, message)

    def choose(self, *starts: str) -> None:
        """A row of the menu that is shown; with nothing it is closed."""
        rows = self._menus[self._shown_menu]
        chosen = 0
        for start in starts:
            (item,) = (each for each in rows if getattr(each, "dwTypeData", "").startswith(start))
            chosen = item.wID
            rows = self._menus[item.hSubMenu] if item.hSubMenu else []
        self.post(0, WM_CHOSEN, chosen, 0)

    def ask(self, message: int, wparam: int, answered: Callable[[int], None]) -> None:
        """The system asks the window, on the thread that owns it."""
        window, procedure = self._windows[0], self._procedures[self._windows[0]]
        asking = next(self._handles)

        def asks(*_message: int) -> int:
            answered(procedure(window, message, wparam, 0))
            return 0

        self._procedures[asking] = asks
        self.post(asking, 0, 0, 0)

    def menu_is_shown(self) -> bool:
        return self._shown_menu != 0


SCREEN = Screen()


def install() -> None:
    """From now on pystray's backend and ``ctypes.windll`` find these; before pystray is loaded."""
    functions: dict[str, Callable[..., object]] = {
        "CreatePopupMenu": SCREEN.create_menu,
        "CreateWindowEx": SCREEN.create,
        "DestroyMenu": SCREEN.destroy_menu,
        "DispatchMessage": SCREEN.dispatch,
        "GetMessage": SCREEN.get,
        "InsertMenuItem": SCREEN.insert,
        "LoadImage": SCREEN.load,
        "PostMessage": SCREEN.post,
        "PostQuitMessage": lambda status: SCREEN.post(0, WM_QUIT, status, 0),
        "RegisterClassEx": SCREEN.register,
        "Shell_NotifyIcon": SCREEN.notify,
        "TrackPopupMenuEx": SCREEN.track,
    }
    for name in (
        "ChangeWindowMessageFilterEx", "DefWindowProc", "DestroyIcon", "DestroyWindow",
        "GetCursorPos", "GetModuleHandle", "PeekMessage", "SetForegroundWindow",
        "TranslateMessage", "UnregisterClass",
    ):  # fmt: skip
        functions[name] = lambda *_arguments: 1
    module = ModuleType("pystray._util.win32")
    types = {"MENUITEMINFO": Given, "NOTIFYICONDATAW": NotifyIconData, "WNDCLASSEX": Given}
    vars(module).update(CONSTANTS, **functions, **types, WNDPROC=lambda function: function)
    sys.modules[module.__name__] = module

    def aware() -> None:
        SCREEN.dpi_aware = True

    def handle(handler: Callable[[int], int], _on: bool) -> None:
        SCREEN.console = handler

    user32 = SimpleNamespace(SetProcessDPIAware=aware)
    kernel32 = SimpleNamespace(SetConsoleCtrlHandler=handle)
    vars(ctypes).update(
        windll=SimpleNamespace(user32=user32, kernel32=kernel32), WINFUNCTYPE=ctypes.CFUNCTYPE
    )

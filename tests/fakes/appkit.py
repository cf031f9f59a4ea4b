"""A stand-in for AppKit and what pystray needs beside it: as strict as macOS about its threads.

Touching the icon on another thread than the main one ends the process at once, as there.
Reference: Apple's documentation of NSApplication, NSStatusItem, NSMenu and their delegates, and
PyObjC's of AppHelper and MachSignals.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import NoReturn, Self

SIGTRAP = 128 + 5
TERMINATE_LATER = 2
ACCESSORY = 1

Handler = Callable[[int], object]
_selectors: dict[object, bytes] = {}


def leave(status: int) -> NoReturn:
    """End the process without unwinding anything, as AppKit does."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def on_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        sys.stderr.write("AppKit was touched on another thread than the main one\n")
        leave(SIGTRAP)


def named_selector(name: bytes, _signature: bytes = b"") -> Callable[[object], object]:
    def named(method: object) -> object:
        _selectors[method] = name
        return method

    return named


class NSObject:
    """Objects are made by ``alloc().init()`` and called by selectors."""

    @classmethod
    def alloc(cls) -> Self:
        on_main_thread()
        return cls.__new__(cls)

    def init(self) -> Self:
        return self


def perform(target: object, selector: bytes, argument: object) -> object:
    """Call the method of that selector, if the target has one."""
    for kind in type(target).__mro__:
        for method in vars(kind).values():
            if callable(method) and _selectors.get(method) == selector:
                return method(target, argument)
    return None


class Application(NSObject):
    """The one application, and its loop."""

    def __init__(self) -> None:
        self.work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self.policy = 0
        self._delegate: object = None
        self._stops = False

    def run(self) -> None:
        on_main_thread()
        while not self._stops:
            self.work.get()()

    def stop_(self, _sender: object) -> None:
        on_main_thread()
        self._stops = True  # seen after the next event only

    def postEvent_atStart_(self, _event: object, _at_start: bool) -> None:
        self.work.put(lambda: None)

    def setActivationPolicy_(self, policy: int) -> None:
        on_main_thread()
        self.policy = policy

    def setDelegate_(self, delegate: object) -> None:
        on_main_thread()
        self._delegate = delegate

    def terminate_(self, _sender: object) -> None:
        on_main_thread()
        if perform(self._delegate, b"applicationShouldTerminate:", self) != TERMINATE_LATER:
            sys.stdout.write("terminated at once\n")
            leave(0)

    def replyToApplicationShouldTerminate_(self, yes: bool) -> None:
        on_main_thread()
        if yes:
            sys.stdout.write("terminated\n")
            leave(0)


APPLICATION = Application()


class Menu(NSObject):
    """One NSMenu; ``items`` are its rows."""

    def initWithTitle_(self, _title: str) -> Self:
        self.items: list[MenuItem] = []
        self.delegate: object = None
        return self

    def setAutoenablesItems_(self, _on: bool) -> None:
        on_main_thread()

    def addItem_(self, item: MenuItem) -> None:
        on_main_thread()
        self.items.append(item)

    def setDelegate_(self, delegate: object) -> None:
        self.delegate = delegate


class MenuItem(NSObject):
    """One NSMenuItem."""

    title = ""
    enabled = True
    submenu: Menu | None = None
    target: object = None
    action = b""

    @classmethod
    def separatorItem(cls) -> Self:
        return cls.alloc()

    def initWithTitle_action_keyEquivalent_(self, title: str, action: bytes, _key: str) -> Self:
        self.title = title
        self.action = action
        return self

    def setSubmenu_(self, menu: Menu) -> None:
        self.submenu = menu

    def setAction_(self, action: bytes) -> None:
        self.action = action

    def setTarget_(self, target: object) -> None:
        self.target = target

    def setTag_(self, tag: int) -> None:
        self._tag = tag

    def tag(self) -> int:
        return self._tag

    def setState_(self, _state: int) -> None:
        on_main_thread()

    def setEnabled_(self, enabled: bool) -> None:
        self.enabled = enabled


class Picture(NSObject):
    """One NSImage."""

    size = (0, 0)
    is_template = False

    def initWithData_(self, data: bytes) -> Self:
        self.data = data
        return self

    def setSize_(self, size: tuple[int, int]) -> None:
        self.size = size

    def setTemplate_(self, on: bool) -> None:
        self.is_template = on


class Button(NSObject):
    """The button in the menu bar."""

    image: Picture | None = None
    tooltip = ""
    label = ""
    hidden = True

    def setTarget_(self, _target: object) -> None: ...
    def setAction_(self, _action: bytes) -> None: ...
    def setHidden_(self, hidden: bool) -> None:
        on_main_thread()
        self.hidden = hidden

    def setImage_(self, image: Picture) -> None:
        on_main_thread()
        self.image = image

    def setToolTip_(self, words: str) -> None:
        on_main_thread()
        self.tooltip = words

    def setAccessibilityLabel_(self, words: str) -> None:
        on_main_thread()
        self.label = words


class StatusItem(NSObject):
    """The one item in the menu bar, and what a person does with it."""

    def __init__(self) -> None:
        self._button = Button()
        self.menu: Menu | None = None
        self._open: Menu | None = None

    def button(self) -> Button:
        return self._button

    def setMenu_(self, menu: Menu | None) -> None:
        on_main_thread()
        self.menu = menu

    def open(self) -> None:
        assert self.menu is not None
        self._open = self.menu
        perform(self._open.delegate, b"menuWillOpen:", self._open)

    def click(self, *starts: str) -> None:
        """In the menu that is open, whatever became of it since; the action comes last."""
        menu = self._open
        assert menu is not None
        (item,) = (each for each in menu.items if each.title.startswith(starts[0]))
        for start in starts[1:]:
            assert item.submenu is not None
            (item,) = (each for each in item.submenu.items if each.title.startswith(start))
        self._open = None
        perform(menu.delegate, b"menuDidClose:", menu)
        if item.enabled:
            perform(item.target, item.action, item)


ITEM = StatusItem()


class _Bar(NSObject):
    def statusItemWithLength_(self, _length: float) -> StatusItem:
        return ITEM

    def removeStatusItem_(self, _item: StatusItem) -> None:
        on_main_thread()


def call_after(work: Callable[..., object], *arguments: object) -> None:
    APPLICATION.work.put(lambda: work(*arguments))


def _call_later(seconds: float, work: Callable[..., object], *arguments: object) -> None:
    timer = threading.Timer(seconds, call_after, (work, *arguments))
    timer.daemon = True
    timer.start()


_handlers: dict[int, Handler] = {}


def _signal(number: int, handler: Handler) -> Handler | None:
    on_main_thread()
    before = _handlers.get(number)
    _handlers[number] = handler
    return before


def deliver(number: int) -> None:
    """A signal arrives; its handler runs in the loop."""
    call_after(lambda: _handlers[number](number))


def install() -> None:
    """From now on ``import AppKit`` and the like give these."""
    event = SimpleNamespace()
    name = (
        "otherEventWithType_location_modifierFlags_timestamp_windowNumber_context_subtype_"
        "data1_data2_"
    )
    setattr(event, name, lambda *_arguments: None)
    bar = _Bar()
    _module(
        "AppKit",
        NSApplication=SimpleNamespace(sharedApplication=lambda: APPLICATION),
        NSApplicationActivationPolicyAccessory=ACCESSORY,
        NSApplicationDefined=15,
        NSEvent=event,
        NSImage=Picture,
        NSMenu=Menu,
        NSMenuItem=MenuItem,
        NSOffState=0,
        NSOnState=1,
        NSPoint=lambda x, y: (x, y),
        NSStatusBar=SimpleNamespace(systemStatusBar=lambda: bar),
        NSTerminateLater=TERMINATE_LATER,
        NSVariableStatusItemLength=-1,
    )
    data = SimpleNamespace(dataWithBytes_length_=lambda raw, length: raw[:length])
    _module("Foundation", NSObject=NSObject, NSData=data)
    _module("objc", namedSelector=named_selector)
    helper = _module("PyObjCTools.AppHelper", callAfter=call_after, callLater=_call_later)
    signals = _module("PyObjCTools.MachSignals", signal=_signal, getsignal=_handlers.get)
    _module("PyObjCTools", AppHelper=helper, MachSignals=signals)


def _module(name: str, **contents: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module
    return module

# The part of pystray 0.19 that tray_app uses, private hooks included; a test proves they exist.
from collections.abc import Callable, Iterator
from typing import Any

class Icon:
    icon: object
    title: str
    menu: Menu | None
    visible: bool
    name: str
    _icon: object
    _icon_valid: bool
    _title: str
    _menu: Menu | None
    _visible: bool
    _message_handlers: dict[int, Callable[[int, int], int]]  # Windows
    _hwnd: int | None  # Windows
    _app: Any  # macOS
    _icon_image: Any  # macOS
    _menu_handle: Any  # macOS
    _status_item: Any  # macOS
    def _on_notify(self, wparam: int, lparam: int) -> None: ...  # Windows
    def __init__(
        self,
        name: str,
        icon: object = None,
        title: str | None = None,
        menu: Menu | None = None,
    ) -> None: ...
    def run(self, setup: Callable[[Icon], None] | None = None) -> None: ...
    def stop(self) -> None: ...
    def update_menu(self) -> None: ...
    def remove_notification(self) -> None: ...
    def notify(self, message: str, title: str | None = None) -> None: ...
    def _mark_ready(self) -> None: ...
    def _show(self) -> None: ...
    def _hide(self) -> None: ...
    def _update_icon(self) -> None: ...
    def _update_title(self) -> None: ...
    def _update_menu(self) -> None: ...
    def _run(self) -> None: ...
    def _stop(self) -> None: ...
    def _notify(self, message: str, title: str | None = None) -> None: ...

class MenuItem:
    text: str
    enabled: bool
    checked: bool | None
    submenu: Menu | None
    key: str  # ours: tells a row from its siblings
    def __init__(
        self,
        text: str,
        action: Callable[[], None] | Menu | None,
        *,
        checked: Callable[[MenuItem], bool | None] | None = None,
        enabled: bool = True,
    ) -> None: ...
    def __call__(self, icon: Icon) -> None: ...

class Menu:
    SEPARATOR: MenuItem
    def __init__(self, *items: MenuItem) -> None: ...
    def __iter__(self) -> Iterator[MenuItem]: ...

"""macOS: pystray's icon as a template, touched on the main thread only, gone after the engine.

Follows pystray 0.19.5's ``_darwin.py``; tested with a stand-in for AppKit, and by people with
``docs/platform-checklist.md``. AppKit ends the process at once when the menu is changed on
another thread, and at ``terminate:`` (Quit, logging out) without returning from ``run``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

POINTS = 22
"""Of the icon's sides; a point is two pixels on the screens of today."""

if sys.platform == "darwin":
    import io
    import logging
    import subprocess
    import threading

    import AppKit
    import Foundation
    import objc
    import pystray
    from PyObjCTools import AppHelper, MachSignals

    from tray_app import icons
    from tray_app.pystray_shell import APP_ID, Clicked, Look, Shell
    from tray_app.ui_thread import Work, stop_signals

    log = logging.getLogger(__name__)

    class Leaving(Foundation.NSObject):
        """The application's delegate: puts off its end until ours is in order."""

        work: Work
        asked = False

        @objc.namedSelector(b"applicationShouldTerminate:", b"Q@:@")
        def should_terminate(self, _application: object) -> int:
            self.asked = True
            self.work()
            return int(AppKit.NSTerminateLater)

    class MenuWatch(Foundation.NSObject):
        """The menu's delegate."""

        opened: Work
        closed: Work

        @objc.namedSelector(b"menuWillOpen:")
        def will_open(self, _menu: object) -> None:
            self.opened()

        @objc.namedSelector(b"menuDidClose:")
        def did_close(self, _menu: object) -> None:
            AppHelper.callAfter(self.closed)  # the click that closed it comes after this

    class AppKitThread:
        """The main thread, which runs the application's loop."""

        def __init__(self, leaving: Leaving) -> None:
            self._leaving = leaving

        def post(self, work: Work) -> None:
            AppHelper.callAfter(work)

        def later(self, seconds: float, work: Work) -> None:
            AppHelper.callLater(seconds, work)

        def on_stop_request(self, work: Work) -> None:
            self._leaving.work = work
            AppKit.NSApplication.sharedApplication().setDelegate_(self._leaving)
            # Posted, so that it comes after pystray's own handler.
            self.post(lambda: self._replace(work))

        def _replace(self, work: Work) -> None:
            for number in stop_signals():
                MachSignals.signal(number, lambda _number: work())

    class MacIcon(pystray.Icon):
        """``tooltip`` is beyond pystray's own. A menu that is being shown is not replaced."""

        def __init__(self, leaving: Leaving, looked_at: Work) -> None:
            self.tooltip = ""
            self._leaving = leaving
            self._looked_at = looked_at
            self._is_open = False
            self._menu_is_old = False
            self._watch = MenuWatch.alloc().init()
            self._watch.opened = self._opened
            self._watch.closed = self._closed
            super().__init__(APP_ID)
            # No place in the Dock: what LSUIElement says in a bundle.
            self._app.setActivationPolicy_(AppKit.NSApplicationActivationPolicyAccessory)

        def _assert_image(self) -> None:
            if self._icon_image is not None:
                return
            file = io.BytesIO()
            self._icon.save(file, "png")
            data = file.getvalue()
            picture = AppKit.NSImage.alloc().initWithData_(
                Foundation.NSData.dataWithBytes_length_(data, len(data))
            )
            picture.setSize_((POINTS, POINTS))
            picture.setTemplate_(True)
            self._icon_image = picture
            self._status_item.button().setImage_(picture)

        def _update_title(self) -> None:
            button = self._status_item.button()
            button.setToolTip_("\n".join(filter(None, (self.title, self.tooltip))))
            button.setAccessibilityLabel_(self.title)

        def _update_menu(self) -> None:
            self._menu_is_old = self._is_open
            if not self._is_open:
                super()._update_menu()
                if self._menu_handle is not None:
                    self._menu_handle[0].setDelegate_(self._watch)

        def _opened(self) -> None:
            self._is_open = True
            self._looked_at()

        def _closed(self) -> None:
            self._is_open = False
            if self._menu_is_old:
                self._update_menu()

        def _notify(self, message: str, title: str | None = None) -> None:
            # It runs osascript and waits for it.
            show = super()._notify

            def shown() -> None:
                try:
                    show(message, title or "")
                except (OSError, subprocess.CalledProcessError) as error:
                    log.warning("notification not shown", extra={"fields": {"why": str(error)}})

            threading.Thread(target=shown, name="notification", daemon=True).start()

        def _stop(self) -> None:
            if self._leaving.asked:
                self._app.replyToApplicationShouldTerminate_(True)  # ends the process
            else:
                super()._stop()

    def create(clicked: Clicked, looked_at: Callable[[], None]) -> Shell:
        """On the main thread, which will run it."""
        leaving = Leaving.alloc().init()
        icon = MacIcon(leaving, looked_at)

        def describe(words: str) -> None:
            if words != icon.tooltip:
                icon.tooltip = words
                icon._update_title()

        look = Look(
            lambda state: icons.template(state, 2 * POINTS),
            beyond_pystray=lambda view: describe(view.tooltip),
            alert=lambda alert: icon.notify(alert.body, alert.title),
            always_has_a_tray=True,
        )
        return Shell(AppKitThread(leaving), icon, look, clicked)

"""The Linux icon on a thread of its own, drawn by whoever holds it, without an engine."""

from __future__ import annotations

import asyncio
import threading

from core.model.status import ServerStatus
from tests.fakes.tray_engine import ScriptedEngine
from tray_app import pystray_shell
from tray_app.alert import Alert
from tray_app.pixmaps import pixmaps
from tray_app.view import IconState, TrayView, view_of

LIMIT = 30.0

pixmaps(IconState.OK)  # reads a file, which no test may do on its loop


class ShownTray:
    """What was clicked and what was said is kept, and can be waited for."""

    def __init__(self, address: str | None) -> None:
        self.clicked: list[str] = []
        self.said: list[str] = []
        self.is_shown: bool | None = None
        self._news = threading.Condition()
        self.shell = pystray_shell.linux(self._click, self._say, address)
        self._is_ready = threading.Event()
        self._thread = threading.Thread(
            target=self.shell.run, args=(self._is_ready.set,), name="icon"
        )
        self._thread.start()
        assert self._is_ready.wait(LIMIT)

    def draw(self, *servers: ServerStatus) -> TrayView:
        view = view_of(ScriptedEngine(servers).snapshot)
        self.show(view)
        return view

    def show(self, view: TrayView) -> None:
        self.shell.ui.post(lambda: self.shell.draw(view))

    def alert(self, alert: Alert) -> None:
        self.shell.ui.post(lambda: self.shell.alert(alert))

    def stop(self) -> None:
        self.shell.ui.post(self.shell.stop)
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()

    async def said_times(self, count: int) -> list[str]:
        return await self._times(self.said, count)

    async def clicked_times(self, count: int) -> list[str]:
        return await self._times(self.clicked, count)

    async def until_shown(self) -> None:
        """Wait until it was said last that the icon is shown."""

        def wait() -> bool:
            with self._news:
                return self._news.wait_for(lambda: self.is_shown is True, LIMIT)

        assert await asyncio.to_thread(wait), self.said

    async def _times(self, told: list[str], count: int) -> list[str]:
        def wait() -> bool:
            with self._news:
                return self._news.wait_for(lambda: len(told) >= count, LIMIT)

        assert await asyncio.to_thread(wait), told
        return told

    def _click(self, row_id: str) -> None:
        with self._news:
            self.clicked.append(row_id)
            self._news.notify_all()

    def _say(self, sentence: str, shown: bool | None) -> None:
        with self._news:
            self.is_shown = shown
            self.said.append(sentence)
            self._news.notify_all()

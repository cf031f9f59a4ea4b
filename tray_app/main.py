"""The tray's part of the program: follows the engine, draws, and passes on what is asked for."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, assert_never

from core.errors import EngineStopped, McpProxyError
from core.model.config import ServerName
from core.model.intents import (
    AddServers,
    ApproveServer,
    ApproveTools,
    ChangeServer,
    Intent,
    RemoveServer,
    ReplaceConfig,
    RestartServer,
    RestoreConfig,
    RetryNow,
    SetEnabled,
    SetQuarantined,
    Show,
    Shutdown,
)
from core.model.notices import Notice, NoticeCode
from core.model.status import Snapshot
from core.ports import Subscription
from tray_app import desktop, pystray_shell, text
from tray_app.actions import (
    CopyEndpoint,
    OpenConfig,
    OpenHelp,
    OpenLog,
    OpenReview,
    command_of,
)
from tray_app.desktop import DesktopFailure
from tray_app.help import help_page
from tray_app.printable import printable
from tray_app.view import TrayView, view_of

log = logging.getLogger(__name__)

RENDER_PACE = 0.1
"""Seconds between two renderings; the first of a burst is drawn at once."""


class Engine(Protocol):
    """The engine as the tray sees it, from any thread."""

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def stopped(self) -> concurrent.futures.Future[None]:
        """Completes when the engine's thread has ended."""

    def subscribe(self, wake: Callable[[], None]) -> Subscription: ...
    def submit(self, intent: Intent) -> concurrent.futures.Future[int]: ...


def _no_review(server: str) -> str:
    raise McpProxyError(f"Look at it where the engine runs: mcpproxy-tray tools diff {server}")


def run_tray(
    engine: Engine,
    *,
    config_file: Path,
    log_path_of: Callable[[str], Path],
    on_ready: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _sentence: None,
    view: Callable[[Snapshot], TrayView] = view_of,
    review_of: Callable[[str], str] = _no_review,
) -> None:
    """Show the icon until the engine has stopped; blocks the main thread.

    ``on_ready`` is called once the first picture is drawn, shown or not; ``say`` gets one
    sentence for a person whenever the icon comes or cannot be shown (it is logged too). A
    signal to end becomes a Shutdown intent. The icon never ends before the engine, whose
    servers would be left without an owner. ``review_of`` gives, from another thread, what waits
    for approval at a server in words; it raises McpProxyError.
    """
    Tray(engine, config_file, log_path_of, on_ready, say, view, review_of).run()


class Tray:
    """One subscription, the view shown last, and the shell that shows it."""

    def __init__(
        self,
        engine: Engine,
        config_file: Path,
        log_path_of: Callable[[str], Path],
        on_ready: Callable[[], None],
        say: Callable[[str], None],
        view: Callable[[Snapshot], TrayView],
        review_of: Callable[[str], str],
    ) -> None:
        self._engine = engine
        self._view_of = view
        self._review_of = review_of
        self._config_file = config_file
        self._log_path_of = log_path_of
        self._on_ready = on_ready
        self._say = say
        self._shell = pystray_shell.create(self._clicked, self._tell)
        self._subscription: Subscription | None = None
        self._shown: TrayView | None = None
        self._rendered_at = -RENDER_PACE
        self._render_is_due = False

    def run(self) -> None:
        self._shell.ui.on_stop_request(lambda: self._submit(Shutdown()))
        self._shell.run(self._ready)
        if self._subscription is not None:
            self._subscription.close()

    def _ready(self) -> None:
        try:
            self._subscription = self._engine.subscribe(self._wake)
            self._render()
        except EngineStopped:
            log.debug("the engine stopped before the icon was there")
        self._on_ready()
        stop = self._shell.stop
        self._engine.stopped.add_done_callback(lambda _: self._shell.ui.post(stop))

    # Engine to icon

    def _wake(self) -> None:
        """From the engine's thread: something is new."""
        self._shell.ui.post(self._render_soon)

    def _render_soon(self) -> None:
        wait = self._rendered_at + RENDER_PACE - time.monotonic()
        if wait <= 0:
            self._render()
        elif not self._render_is_due:
            self._render_is_due = True
            self._shell.ui.later(wait, self._render)

    def _render(self) -> None:
        self._render_is_due = False
        self._rendered_at = time.monotonic()
        batch = self._subscription.take() if self._subscription is not None else None
        if batch is None:
            return
        view = self._view_of(batch.snapshot)
        if view != self._shown:
            self._shell.draw(view)
            self._shown = view
        for notice in batch.notices:
            self._show_notice(notice)

    def _show_notice(self, notice: Notice) -> None:
        """Only what a person asked for; everything else is in the menu."""
        if notice.code is NoticeCode.SHOW:
            title = self._shown.title if self._shown is not None else text.APP
            self._shell.notify(title, text.ALREADY_RUNNING)
        elif notice.code is NoticeCode.APPROVALS_LOST:
            self._shell.notify(text.APPROVALS_LOST, dict(notice.args).get("why", ""))

    def _tell(self, sentence: str) -> None:
        log.info("said", extra={"fields": {"words": sentence}})
        self._say(sentence)

    # Person to engine

    def _clicked(self, row_id: str) -> None:
        command = command_of(row_id)
        match command:
            case None:
                return
            case OpenLog(name):
                path = self._log_path_of(name)
                self._in_background(text.ACTION_FAILED, lambda: desktop.open_log(path))
            case OpenConfig():
                file = self._config_file
                self._in_background(text.ACTION_FAILED, lambda: desktop.open_file(file))
            case OpenHelp(name):
                self._open_help(name)
            case OpenReview(name):
                self._in_background(text.REVIEW_FAILED, lambda: self._open_review(name))
            case CopyEndpoint():
                self._copy_endpoint()
            case RestartServer() | RetryNow() | SetEnabled() | Show() | Shutdown():
                self._submit(command)
            case RestoreConfig():
                self._submit(command)
            case SetQuarantined() | ApproveTools() | ApproveServer():
                self._submit(command)
            case AddServers() | ChangeServer() | RemoveServer() | ReplaceConfig():
                self._submit(command)
            case _:
                assert_never(command)

    def _open_help(self, name: ServerName) -> None:
        status = self._engine.snapshot.servers.get(name)
        if status is None or status.fault is None:
            return  # it works again since the menu was opened
        page = help_page(status.fault.code)
        self._in_background(text.ACTION_FAILED, lambda: desktop.open_file(page))

    def _open_review(self, name: ServerName) -> None:
        """In the background. Raises DesktopFailure."""
        try:
            words = self._review_of(name)
        except McpProxyError as error:
            raise DesktopFailure(str(error)) from error
        page = self._log_path_of(name).with_name("review.txt")
        try:
            page.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            page.unlink(missing_ok=True)
            page.touch(0o600)
            page.write_text(printable(words), encoding="utf-8")
        except OSError as error:
            raise DesktopFailure(f"{page} cannot be written: {error.strerror}.") from error
        desktop.open_file(page)

    def _copy_endpoint(self) -> None:
        url = self._engine.snapshot.endpoint
        if url is None:
            self._shell.notify(text.COPY_FAILED, text.NO_ENDPOINT)
            return

        def copy() -> None:
            try:
                desktop.copy_text(url, os.environ)
            except DesktopFailure as failure:
                raise DesktopFailure(text.copy_by_hand(url, str(failure))) from failure

        self._in_background(text.COPY_FAILED, copy)

    def _submit(self, intent: Intent) -> None:
        """Ask the engine; a refusal is shown, as nothing else would follow the click."""
        try:
            self._engine.submit(intent).add_done_callback(self._answered)
        except McpProxyError as refusal:
            self._shell.notify(text.ACTION_FAILED, str(refusal))

    def _answered(self, answer: concurrent.futures.Future[int]) -> None:
        """From the engine's thread."""
        if answer.cancelled():
            return
        error = answer.exception()
        if isinstance(error, McpProxyError):
            refusal = str(error)
        elif error is not None:
            log.error("an intent ended in an unexpected error", exc_info=error)
            refusal = text.not_carried_out(None, "")
        else:
            return
        self._shell.ui.post(lambda: self._shell.notify(text.ACTION_FAILED, refusal))

    def _in_background(self, title: str, work: Callable[[], None]) -> None:
        """Run what starts another program on a thread of its own, and say if it failed."""

        def run() -> None:
            try:
                work()
            except DesktopFailure as failure:
                sentence = str(failure)
                self._shell.ui.post(lambda: self._shell.notify(title, sentence))

        threading.Thread(target=run, name="desktop", daemon=True).start()

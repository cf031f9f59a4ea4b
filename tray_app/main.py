"""The tray's part of the program: follows the engine, draws, and passes on what is asked for."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from core.errors import EngineStopped, McpProxyError
from core.model.config import ServerName
from core.model.intents import Intent, Shutdown
from core.model.notices import Notice, NoticeCode
from core.model.status import Snapshot
from core.ports import Subscription
from tray_app import pystray_shell, text
from tray_app.actions import (
    ConnectApp,
    CopyEndpoint,
    ImportServers,
    OpenConfig,
    OpenHelp,
    OpenLog,
    OpenLogs,
    OpenReview,
    SaveReport,
    Snooze,
    StartAtLogin,
    command_of,
)
from tray_app.alerts import Alerts
from tray_app.chores import Chores
from tray_app.desktop import DesktopFailure
from tray_app.local import NOTHING_KNOWN, Local
from tray_app.view import TrayView, view_of

log = logging.getLogger(__name__)

RENDER_PACE = 0.1
"""Seconds between two renderings; the first of a burst is drawn at once."""

LOOK_PACE = 2.0
"""Seconds between two looks at files of other programs, however often the menu is opened."""

SLEPT = 20.0
"""Seconds that the clock on the wall is ahead of ours after the computer slept."""


class Engine(Protocol):
    """The engine as the tray sees it, from any thread."""

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def stopped(self) -> concurrent.futures.Future[None]:
        """Completes when the engine's thread has ended."""

    def subscribe(self, wake: Callable[[], None]) -> Subscription: ...
    def submit(self, intent: Intent) -> concurrent.futures.Future[int]: ...


def run_tray(
    engine: Engine,
    chores: Chores | None,
    *,
    on_ready: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _sentence: None,
    view: Callable[[Snapshot, Local], TrayView] = view_of,
) -> None:
    """Show the icon until the engine has stopped; blocks the main thread.

    ``chores`` is None when the engine is elsewhere. ``on_ready`` is called once the first
    picture is drawn, shown or not; ``say`` gets one sentence for a person whenever the icon
    comes or cannot be shown (it is logged too). A signal to end becomes a Shutdown intent. The
    icon never ends before the engine, whose servers would be left without an owner.
    """
    Tray(engine, chores, on_ready, say, view).run()


class Tray:
    """One subscription, the view shown last, and the shell that shows it."""

    def __init__(
        self,
        engine: Engine,
        chores: Chores | None,
        on_ready: Callable[[], None],
        say: Callable[[str], None],
        view: Callable[[Snapshot, Local], TrayView],
    ) -> None:
        self._engine = engine
        self._chores = chores
        self._on_ready = on_ready
        self._say = say
        self._view_of = view
        self._shell = pystray_shell.create(self._clicked, self._tell, self._look)
        self._subscription: Subscription | None = None
        self._snapshot: Snapshot | None = None
        self._local = NOTHING_KNOWN
        self._shown: TrayView | None = None
        self._rendered_at = -RENDER_PACE
        self._render_is_due = False
        self._looked_at = -LOOK_PACE
        self._look_is_due = False
        self._alerts = Alerts(time.monotonic())
        self._alerts_asked_for = 0.0
        self._ahead = _ahead()

    def run(self) -> None:
        self._shell.ui.on_stop_request(lambda: self._submit(Shutdown()))
        self._shell.run(self._ready)
        if self._subscription is not None:
            self._subscription.close()

    def _ready(self) -> None:
        try:
            self._subscription = self._engine.subscribe(self._wake)
            self._take()
        except EngineStopped:
            log.debug("the engine stopped before the icon was there")
        self._on_ready()
        self._look()
        stop = self._shell.stop
        self._engine.stopped.add_done_callback(lambda _: self._shell.ui.post(stop))

    # Engine to icon

    def _wake(self) -> None:
        """From the engine's thread: something is new."""
        self._shell.ui.post(self._render_soon)

    def _render_soon(self) -> None:
        wait = self._rendered_at + RENDER_PACE - time.monotonic()
        if wait <= 0:
            self._take()
        elif not self._render_is_due:
            self._render_is_due = True
            self._shell.ui.later(wait, self._take)

    def _take(self) -> None:
        self._render_is_due = False
        self._rendered_at = time.monotonic()
        batch = self._subscription.take() if self._subscription is not None else None
        if batch is None:
            return
        self._snapshot = batch.snapshot
        self._draw()
        self._alert()
        for notice in batch.notices:
            self._show_notice(notice)

    def _draw(self) -> None:
        if self._snapshot is None:
            return
        view = self._view_of(self._snapshot, self._local)
        if view != self._shown:
            self._shell.draw(view)
            self._shown = view

    def _alert(self) -> None:
        """Show and take back notifications, and come again when the next one may be due."""
        if self._snapshot is None:
            return
        now = time.monotonic()
        ahead = _ahead()
        if ahead - self._ahead > SLEPT:
            self._alerts.slept(now)
        self._ahead = ahead
        orders, again = self._alerts.due(self._snapshot, now)
        for id_ in orders.withdraw:
            self._shell.withdraw(id_)
        for alert in orders.show:
            self._shell.alert(alert)
        if again is not None and not now < self._alerts_asked_for <= again:
            self._alerts_asked_for = again
            self._shell.ui.later(again - now, self._alert)

    def _show_notice(self, notice: Notice) -> None:
        """Only what a person asked for; everything else is in the menu."""
        if notice.code is NoticeCode.SHOW:
            title = self._shown.title if self._shown is not None else text.APP
            self._shell.notify(title, text.ALREADY_RUNNING)
        elif notice.code is NoticeCode.APPROVALS_LOST:
            self._shell.notify(text.APPROVALS_LOST, dict(notice.args).get("why", ""))

    def _tell(self, sentence: str) -> None:
        log.info("person told", extra={"fields": {"sentence": sentence}})
        self._say(sentence)

    # This computer to icon

    def _look(self) -> None:
        """See what other programs' files say now, and show that."""
        if self._chores is None or self._look_is_due:
            return
        wait = self._looked_at + LOOK_PACE - time.monotonic()
        if wait > 0:
            self._look_is_due = True
            self._shell.ui.later(wait, self._look_now)
        else:
            self._look_now()

    def _look_now(self) -> None:
        assert self._chores is not None
        self._look_is_due = False
        self._looked_at = time.monotonic()
        look = self._chores.look

        def looked() -> None:
            found = look(NOTHING_KNOWN)
            self._shell.ui.post(lambda: self._know(found))

        self._in_background(text.ACTION_FAILED, looked)

    def _know(self, found: Local) -> None:
        self._local = replace(found, snoozed_until=self._local.snoozed_until)
        self._draw()

    def _snooze(self, minutes: int) -> None:
        until = datetime.now(UTC) + timedelta(minutes=minutes) if minutes else None
        self._alerts.snooze(time.monotonic() + 60 * minutes)
        self._local = replace(self._local, snoozed_until=until)
        self._draw()
        if minutes:
            self._shell.ui.later(60.0 * minutes, lambda: self._snooze_is_over(until))
        self._alert()

    def _snooze_is_over(self, until: datetime | None) -> None:
        if self._local.snoozed_until == until:  # and not another one by now
            self._snooze(0)

    # Person to engine

    def _clicked(self, row_id: str) -> None:
        command = command_of(row_id)
        match command:
            case None:
                return
            case Snooze(minutes):
                self._snooze(minutes)
            case OpenLog(name):
                self._do(lambda chores: chores.open_log(name))
            case OpenLogs():
                self._do(Chores.open_logs)
            case OpenConfig():
                self._do(Chores.open_config)
            case OpenHelp(name):
                self._open_help(name)
            case OpenReview(name):
                self._do(lambda chores: chores.open_review(name), text.REVIEW_FAILED)
            case CopyEndpoint():
                self._copy_endpoint()
            case SaveReport():
                self._do(Chores.save_report)
            case ConnectApp(client, connected):
                self._do(lambda chores: self._done(chores.connect(client, connected)))
            case ImportServers():
                self._do(lambda chores: self._done(chores.take_over()))
            case StartAtLogin(on):
                self._do(lambda chores: self._start_at_login(chores, on))
            case _:
                self._submit(command)

    def _open_help(self, name: ServerName) -> None:
        status = self._engine.snapshot.servers.get(name)
        if status is not None and status.fault is not None:  # else it works again since
            code = status.fault.code
            self._do(lambda chores: chores.open_help(code))

    def _copy_endpoint(self) -> None:
        url = self._engine.snapshot.endpoint
        if url is None:
            self._shell.notify(text.COPY_FAILED, text.NO_ENDPOINT)
        else:
            self._do(lambda chores: chores.copy_url(url), text.COPY_FAILED)

    def _start_at_login(self, chores: Chores, on: bool) -> None:
        chores.start_at_login(on)
        self._done()

    def _done(self, sentence: str | None = None) -> None:
        """In the background: tell what was done, if it is not to be seen, and look again."""

        def told() -> None:
            if sentence is not None:
                self._shell.notify(text.APP, sentence)
            self._looked_at = -LOOK_PACE
            self._look()

        self._shell.ui.post(told)

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
            refusal = text.NOT_CARRIED_OUT
        else:
            return
        self._shell.ui.post(lambda: self._shell.notify(text.ACTION_FAILED, refusal))

    def _do(self, work: Callable[[Chores], object], failed: str = text.ACTION_FAILED) -> None:
        """Do something on this computer, which may take a while; say if it failed."""
        chores = self._chores
        if chores is None:
            self._shell.notify(failed, text.ONLY_THERE)
        else:
            self._in_background(failed, lambda: work(chores))

    def _in_background(self, title: str, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except (DesktopFailure, McpProxyError) as failure:
                sentence = str(failure)
                self._shell.ui.post(lambda: self._shell.notify(title, sentence))

        threading.Thread(target=run, name="desktop", daemon=True).start()


def _ahead() -> float:
    """How far the clock on the wall is ahead of the one that stands still in sleep; seconds."""
    return time.time() - time.monotonic()

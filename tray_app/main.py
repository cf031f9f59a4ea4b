"""The tray's part of the program: follows the engine, draws, and passes on what is asked for."""

from __future__ import annotations

import concurrent.futures
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from core.errors import EngineStopped, McpProxyError
from core.model.config import ServerName
from core.model.intents import Shutdown
from core.model.notices import Notice, NoticeCode
from core.model.status import Snapshot
from core.ports import Subscription
from tray_app import first_run, pystray_shell, text
from tray_app.actions import Verb
from tray_app.alert import Alert
from tray_app.alerts import Alerts
from tray_app.asked import Asked
from tray_app.chores import Chores
from tray_app.clicks import Asking, Clicks, Face, in_background
from tray_app.local import NOTHING_KNOWN, Local
from tray_app.view import TrayView, view_of

log = logging.getLogger(__name__)

RENDER_PACE = 0.1
"""Seconds between two renderings; the first of a burst is drawn at once."""

LOOK_PACE = 2.0
"""Seconds between two looks at files of other programs, however often the menu is opened."""

SLEPT = 20.0
"""Seconds that the clock on the wall is ahead of ours after the computer slept."""


class Engine(Asking, Protocol):
    """The engine as the tray sees it, from any thread."""

    @property
    def stopped(self) -> concurrent.futures.Future[None]:
        """Completes when the engine's thread has ended."""

    def subscribe(self, wake: Callable[[], None]) -> Subscription: ...


def run_tray(
    engine: Engine,
    chores: Chores | None,
    *,
    dashboard: Callable[[str], str],
    on_ready: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _sentence: None,
    view: Callable[[Snapshot, Local], TrayView] = view_of,
    cut_short: bool = False,
) -> None:
    """Show the icon until the engine has stopped; blocks the main thread.

    ``chores`` is None when the engine is elsewhere; ``dashboard`` gives the address of a page of
    its dashboard. ``on_ready`` is called once the first picture is drawn, shown or not; ``say``
    gets one sentence for a person whenever the icon comes or cannot be shown (it is logged too).
    ``cut_short``: the last run was. A signal to end becomes a Shutdown intent. The icon never ends
    before the engine, whose servers would be left without an owner.
    """
    Tray(engine, chores, dashboard, on_ready, say, view, cut_short).run()


class Tray:
    """One subscription, the view shown last, and the shell that shows it."""

    def __init__(
        self,
        engine: Engine,
        chores: Chores | None,
        dashboard: Callable[[str], str],
        on_ready: Callable[[], None],
        say: Callable[[str], None],
        view: Callable[[Snapshot, Local], TrayView],
        cut_short: bool,
    ) -> None:
        self._engine = engine
        self._chores = chores
        self._on_ready = on_ready
        self._say = say
        self._view_of = view
        self._asked = Asked()
        self._shell = pystray_shell.create(self._clicked, self._placed, self._look)
        self._face = Face(
            post=self._shell.ui.post,
            notify=self._shell.notify,
            snooze=self._snooze,
            look=self._look_again,
            waits_for=self._waits_for,
            forgets=self._asked.forget,
        )
        self._clicks = Clicks(engine, chores, self._face, dashboard)
        self._subscription: Subscription | None = None
        self._snapshot: Snapshot | None = None
        self._local = NOTHING_KNOWN
        self._shown: TrayView | None = None
        self._is_shown: bool | None = None
        self._rendered_at = -RENDER_PACE
        self._render_is_due = False
        self._looked_at = -LOOK_PACE
        self._look_is_due = False
        self._alerts = Alerts(time.monotonic())
        if cut_short:
            self._alerts.add(first_run.is_back())
        self._alerts_asked_for = 0.0
        self._ahead = _ahead()

    def run(self) -> None:
        self._shell.ui.on_stop_request(lambda: self._clicks.submit(Shutdown()))
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
        if self._shell.always_has_a_tray:
            self._placed(text.ICON_SHOWN, True)
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

    def _clicked(self, row_id: str) -> None:
        self._clicks.clicked(row_id)

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
        for told in self._asked.results(self._snapshot, now):
            self._shell.withdraw(told.alert.id)
            self._shell.alert(told.alert)
            for name in told.failed:
                self._alerts.told(name, told.alert.id)
        ahead = _ahead()
        if ahead - self._ahead > SLEPT:
            self._alerts.slept(now)
        self._ahead = ahead
        orders, again = self._alerts.due(self._snapshot, now)
        for id_ in orders.withdraw:
            self._shell.withdraw(id_)
        for alert in orders.show:
            self._shell.alert(alert)
        for name in orders.look_up:
            self._look_up_use(name)
        if again is not None and not now < self._alerts_asked_for <= again:
            self._alerts_asked_for = again
            self._shell.ui.later(again - now, self._alert)

    def _look_up_use(self, name: ServerName) -> None:
        """Whether clients use a server that is away; told to what decides about notifications."""
        chores = self._chores
        if chores is None:
            return

        def looked_up() -> None:
            seconds = None
            with suppress(McpProxyError):  # nobody asked for it; the menu says it all
                seconds = chores.unused_for(name)
            self._shell.ui.post(lambda: self._know_use(name, seconds))

        in_background(looked_up, self._face, text.ACTION_FAILED)

    def _know_use(self, name: ServerName, seconds: float | None) -> None:
        now = time.monotonic()
        self._alerts.used(name, now - seconds if seconds is not None else None, now)
        self._alert()

    def _show_notice(self, notice: Notice) -> None:
        """Only what a person asked for; everything else is in the menu."""
        if notice.code is NoticeCode.SHOW:
            title = self._shown.title if self._shown is not None else text.APP
            door, row = text.OPEN_DASHBOARD, Verb.OPEN_DASHBOARD
            self._shell.withdraw("shown")
            self._shell.alert(Alert("shown", title, text.ALREADY_RUNNING, door, row))
        elif notice.code is NoticeCode.APPROVALS_LOST:
            self._shell.notify(text.APPROVALS_LOST, dict(notice.args).get("why", ""))
        elif notice.code is NoticeCode.NETWORK_UP:
            self._alerts.network_changed(time.monotonic())

    def _placed(self, sentence: str, shown: bool | None) -> None:
        """The icon has come, or there is nothing that shows it, or (None) nothing at all."""
        log.info("person told", extra={"fields": {"sentence": sentence}})
        self._say(sentence)
        self._is_shown = shown
        if shown:
            self._greet(first_run.welcome)
        elif shown is not None:
            wait = first_run.PANEL_MAY_COME
            self._shell.ui.later(wait, lambda: self._greet_without_icon(sentence))

    def _greet_without_icon(self, sentence: str) -> None:
        if self._is_shown is False:
            self._greet(lambda _local: first_run.no_tray(sentence))

    def _greet(self, words: Callable[[Local], Alert]) -> None:
        """Once in the life of a data directory."""
        chores = self._chores
        if chores is None:
            return

        def greeted() -> None:
            if chores.is_first_run():
                alert = words(chores.look(NOTHING_KNOWN))
                self._shell.ui.post(lambda: self._shell.alert(alert))

        in_background(greeted, self._face, text.ACTION_FAILED)

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

        in_background(looked, self._face, text.ACTION_FAILED)

    def _look_again(self) -> None:
        """After a click that changed something: at once."""
        self._looked_at = -LOOK_PACE
        self._look()

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

    # What a person had started

    def _waits_for(self, names: Iterable[ServerName]) -> None:
        self._asked.wait_for(names, self._engine.snapshot, time.monotonic())


def _ahead() -> float:
    """How far the clock on the wall is ahead of the one that stands still in sleep; seconds."""
    return time.time() - time.monotonic()

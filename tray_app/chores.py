"""What the tray does on this computer by itself; everything here blocks, on a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import McpProxyError
from tray_app import desktop, text
from tray_app.autostart import Autostart, switch
from tray_app.client import Client
from tray_app.desktop import DesktopFailure
from tray_app.help import help_page
from tray_app.local import App, Local, RecentCall
from tray_app.printable import printable

if TYPE_CHECKING:
    from core.clients.desk import Desk


CALLS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chores:
    """All raise DesktopFailure or McpProxyError, whose ``str()`` is a sentence for a person.

    ``desk`` gives what can be done with AI clients' files, at the engine's present address.
    """

    config_file: Path
    log_dir: Path
    log_path_of: Callable[[str], Path]
    review_of: Callable[[str], str]
    write_report: Callable[[Path], None]
    recent_calls: Callable[[], tuple[RecentCall, ...]]
    desk: Callable[[], Desk]
    autostart: Autostart
    command: Sequence[str]  # what starts at login

    def look(self, local: Local) -> Local:
        """What is true now; a client's file that cannot be read is left out."""
        local = replace(local, starts_at_login=self.autostart.is_on())
        with suppress(McpProxyError):  # the database cannot be read, which is told elsewhere
            local = replace(local, calls=self.recent_calls())
        with suppress(McpProxyError):  # our own config file cannot be read, likewise
            apps, importable = self._clients()
            local = replace(local, apps=apps, importable=importable)
        return local

    def _clients(self) -> tuple[tuple[App, ...], int]:
        from core.clients.candidates import Outcome
        from core.clients.connecting import State

        desk = self.desk()
        shown = {State.CONNECTED: True, State.NOT_CONNECTED: False, State.REMOVED: False}
        apps = tuple(
            App(each.client.id, each.client.title, shown[each.state])
            for each in desk.connections().states()
            if each.state in shown
        )
        found = desk.sources()
        count = sum(each.outcome is Outcome.IMPORT for one in found for each in one.candidates)
        return apps, count

    def connect(self, client: str, connected: bool) -> str:
        """Put our entry into a client's file or take it out; what was done, as a sentence."""
        from core.clients.catalogue import BY_ID

        row, connections = BY_ID[client], self.desk().connections()
        plan = connections.connect(row) if connected else connections.leave(row)
        connections.carry_out(plan)
        return text.client_changed(row.title, connected, str(plan.file))

    def take_over(self) -> str:
        """Take over everything that can be; what was done, as a sentence."""
        desk = self.desk()
        desk.take_over(desk.sources())
        return text.TAKEN_OVER

    def start_at_login(self, on: bool) -> None:
        switch(self.autostart, on, self.command)

    def save_report(self) -> None:
        """Write the report where a person finds it, and show the place."""
        name = f"mcpproxy-report-{datetime.now().astimezone():%Y%m%d-%H%M%S}.zip"
        file = self.log_dir / name
        self.write_report(file)
        desktop.open_file(file.parent)

    def open_logs(self) -> None:
        desktop.open_file(self.log_dir)

    def open_log(self, name: str) -> None:
        desktop.open_log(self.log_path_of(name))

    def open_config(self) -> None:
        desktop.open_file(self.config_file)

    def open_help(self, code: str) -> None:
        desktop.open_file(help_page(code))

    def open_review(self, name: str) -> None:
        """Show what waits for approval at a server, in a file that only this person can read."""
        words = self.review_of(name)
        page = self.log_dir / "review.txt"
        try:
            page.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            page.unlink(missing_ok=True)
            page.touch(0o600)
            page.write_text(printable(words), encoding="utf-8")
        except OSError as error:
            raise DesktopFailure(f"{page} cannot be written: {error.strerror}.") from error
        desktop.open_file(page)

    def copy_url(self, url: str) -> None:
        try:
            desktop.copy_text(url, os.environ)
        except DesktopFailure as failure:
            raise DesktopFailure(text.copy_by_hand(url, str(failure))) from failure


def recent_calls(client: Client) -> tuple[RecentCall, ...]:
    """The last few that the engine took down. Raises Failed, NotRunning."""
    calls = client.get(f"/api/v1/activity?limit={CALLS_SHOWN}")["calls"]
    return tuple(
        RecentCall(
            datetime.fromisoformat(each["at"]),
            each["server"],
            each["tool"],
            each["outcome"] == "success",
        )
        for each in calls
    )

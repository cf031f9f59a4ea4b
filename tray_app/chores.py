"""What the tray does on this computer by itself; everything here blocks, on a thread of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from core.errors import McpProxyError
from tray_app import answers, desktop, text
from tray_app.app_chores import AppChores
from tray_app.autostart import Autostart, switch
from tray_app.client import Client
from tray_app.desktop import DesktopFailure
from tray_app.editors import open_at
from tray_app.first_run import is_first
from tray_app.help import help_page
from tray_app.installation import this_one
from tray_app.local import Local, RecentCall
from tray_app.pages import show_page
from tray_app.updates import Updates

CALLS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chores:
    """All raise DesktopFailure or McpProxyError, whose ``str()`` is a sentence for a person.

    ``problems`` says in words all that is wrong, for a person and for a bug report.
    """

    config_file: Path
    data_dir: Path
    log_dir: Path
    log_path_of: Callable[[str], Path]
    review_of: Callable[[str], str]
    write_report: Callable[[Path], None]
    recent_calls: Callable[[], tuple[RecentCall, ...]]
    unused_for: Callable[[str], float | None]  # seconds since a tool of a server was called
    problems: Callable[[], str]
    apps: AppChores
    updates: Callable[[], Updates]  # as the config file is now
    sign_in_link: Callable[[str], str]
    signed_in: Callable[[str], None]  # returns when the person is in, or has had their time
    autostart: Autostart
    command: Sequence[str]  # what starts at login

    def look(self, local: Local) -> Local:
        """What is true now; a client's file that cannot be read is left out."""
        local = replace(
            local, starts_at_login=self.autostart.is_on(), update=self.updates().available()
        )
        with suppress(McpProxyError):  # the database cannot be read, which is told elsewhere
            local = replace(local, calls=self.recent_calls())
        with suppress(McpProxyError):  # our own config file cannot be read, likewise
            local = replace(local, apps=self.apps.apps(), importable=self.apps.importable())
        return local

    def start_at_login(self) -> str:
        """Start with the desktop session; what was done, as a sentence."""
        switch(self.autostart, True, self.command)
        return answers.STARTS_AT_LOGIN

    def not_at_login(self) -> None:
        switch(self.autostart, False, self.command)

    def is_first_run(self) -> bool:
        """Once in the life of the data directory."""
        return is_first(self.data_dir / "welcomed")

    def check_updates(self) -> str:
        """Ask for a newer version; what was found, as a sentence."""
        updates = self.updates()
        found = updates.check()
        if found is None:
            return answers.newest_version(updates.installed)
        return answers.newer_version(found, this_one().update_command())

    def copy_update(self) -> str:
        """Put the command that updates on the clipboard; what to do with it, as a sentence."""
        command = this_one().update_command()
        try:
            desktop.copy_text(command, os.environ)
        except DesktopFailure as failure:
            raise DesktopFailure(text.type_by_hand(command, str(failure))) from failure
        return answers.COMMAND_COPIED

    def put_off_update(self, version: str) -> None:
        self.updates().put_off(version)

    def show_problems(self) -> None:
        """Show what is wrong, why, and what to do."""
        show_page(self.log_dir, "problems.txt", self.problems() + "\n")

    def copy_report(self) -> str:
        """Put the same on the clipboard; what was done, as a sentence."""
        desktop.copy_text(self.problems(), os.environ)
        return answers.REPORT_COPIED

    def save_report(self) -> str:
        """Write the report where a person finds it, and show the place."""
        name = f"mcpproxy-report-{datetime.now().astimezone():%Y%m%d-%H%M%S}.zip"
        file = self.log_dir / name
        self.write_report(file)
        desktop.open_file(file.parent)
        return answers.report_saved(str(file))

    def open_logs(self) -> None:
        desktop.open_file(self.log_dir)

    def open_log(self, name: str) -> None:
        desktop.open_log(self.log_path_of(name))

    def open_config(self, line: int | None) -> None:
        open_at(self.config_file, line)

    def open_data(self) -> None:
        desktop.open_file(self.data_dir)

    def open_help(self, code: str) -> None:
        desktop.open_file(help_page(code))

    def open_review(self, name: str) -> None:
        """Show what waits for approval at a server."""
        show_page(self.log_dir, "review.txt", self.review_of(name))

    def show_program(self, command: str) -> None:
        """Show the directory that holds the file a command means."""
        found = shutil.which(command, mode=os.F_OK) or command
        file = Path(found).expanduser()
        if not file.is_file():
            raise DesktopFailure(text.no_such_file(found))
        desktop.open_file(file.parent)

    def sign_in(self, name: str) -> None:
        """Open the browser, and wait for the person."""
        try:
            desktop.open_link(self.sign_in_link(name))
        except DesktopFailure as failure:
            raise DesktopFailure(text.no_browser(str(failure))) from failure
        self.signed_in(name)

    def copy_sign_in(self, name: str) -> str:
        """Put the link on the clipboard; what was done, as a sentence."""
        desktop.copy_text(self.sign_in_link(name), os.environ)
        return answers.SIGN_IN_COPIED

    def copy_url(self, url: str) -> str:
        """Put our address on the clipboard; what was done, as a sentence."""
        try:
            desktop.copy_text(url, os.environ)
        except DesktopFailure as failure:
            raise DesktopFailure(text.copy_by_hand(url, str(failure))) from failure
        return text.url_copied(url)


def unused_for(client: Client, server: str) -> float | None:
    """Seconds since a client last called a tool of the server; None if none ever did.

    Raises Failed, NotRunning.
    """
    calls = client.get(f"/api/v1/activity?server={quote(server, safe='')}&limit=1")["calls"]
    if not calls:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(calls[0]["at"])).total_seconds()


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

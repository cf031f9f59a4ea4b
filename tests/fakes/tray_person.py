"""Somebody who clicks rows of the menu and hears what they are told, at a computer of their own.

The computer is a directory with a home, config file and logs; its programs (an opener of files,
a clipboard) write down what they are given. A broken one has nothing, and every question fails.
"""

from __future__ import annotations

import concurrent.futures
import queue
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from core.clients.desk import Desk
from core.clients.places import Surroundings
from core.errors import ConfigError, IntentRefused, PermissionProblem, UnknownServer
from core.model.config import Problem, ServerName
from core.model.intents import Intent
from tests.fakes.tray_engine import ScriptedEngine
from tray_app.app_chores import AppChores
from tray_app.autostart import DesktopEntry
from tray_app.chores import Chores
from tray_app.clicks import BACKGROUND, Asking, Clicks, Face
from tray_app.client import NotRunning
from tray_app.local import RecentCall
from tray_app.updates import Updates

LIMIT = 20.0


class Computer:
    """Where chores are done; ``path`` is all that PATH may be."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.path = directory / "bin"
        self.config_file = self.home / "mcp_config.json"
        self.data_dir = directory / "data"
        self.log_dir = directory / "logs"
        for each in (self.home, self.path, self.data_dir, self.log_dir):
            each.mkdir()
        self.config_file.write_text('{"mcpServers": {}}')
        for tool, words in (("xdg-open", '"$1"'), ("xclip", '"$(cat)"')):
            self.program(tool, f"printf '%s\\n' {words} >> {directory}/{tool}.told")
        self.update_url = ""
        self._directory = directory

    def program(self, name: str, script: str) -> None:
        file = self.path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def opened(self) -> list[str]:
        """What files and directories were shown to the person, in order."""
        return self._told("xdg-open").splitlines()

    def copied(self) -> str:
        return self._told("xclip")

    def _told(self, tool: str) -> str:
        file = self._directory / f"{tool}.told"
        return file.read_text() if file.exists() else ""

    def chores(self) -> Chores:
        surroundings = Surroundings(self.home, {}, sys.platform)
        bridge = ("mcpproxy-tray", "stdio")
        desk = Desk(self.config_file, self.data_dir, surroundings, bridge)
        return Chores(
            config_file=self.config_file,
            data_dir=self.data_dir,
            log_dir=self.log_dir,
            log_path_of=lambda name: self.log_dir / f"server-{name}.log",
            review_of=lambda name: f"what waits at {name}",
            write_report=lambda file: file.write_bytes(b"PK"),
            recent_calls=tuple,
            unused_for=lambda name: None,
            problems=lambda: "1 thing is wrong.",
            sign_in_link=lambda name: f"https://as.example/{name}",
            signed_in=lambda name: None,
            apps=AppChores(lambda: desk, self.log_dir),
            updates=lambda: Updates(self.data_dir / "updates.json", self.update_url),
            autostart=DesktopEntry(self.home / ".config"),
            command=("mcpproxy-tray",),
        )


def broken_chores(directory: Path) -> Chores:
    """Nothing can be read, written, started or asked; where directories should be is a file."""
    nowhere = directory / "no-directory"
    nowhere.touch()

    def nothing(*_: object) -> str:
        raise NotRunning()

    def no_calls() -> tuple[RecentCall, ...]:
        raise NotRunning()

    def no_report(file: Path) -> None:
        raise PermissionProblem(f"{file} cannot be written.")

    def no_time(server: str) -> float | None:
        raise UnknownServer(server, ())

    def no_desk() -> Desk:
        raise ConfigError(str(nowhere / "config"), [Problem("", "it cannot be read")])

    return Chores(
        config_file=nowhere / "config",
        data_dir=nowhere / "data",
        log_dir=nowhere / "logs",
        log_path_of=lambda name: nowhere / name,
        review_of=nothing,
        write_report=no_report,
        recent_calls=no_calls,
        unused_for=no_time,
        problems=nothing,
        sign_in_link=nothing,
        signed_in=nothing,
        apps=AppChores(no_desk, nowhere),
        updates=lambda: Updates(nowhere / "updates", ""),
        autostart=DesktopEntry(nowhere),
        command=("mcpproxy-tray",),
    )


class RefusingEngine(ScriptedEngine):
    """Answers every request with a refusal."""

    def submit(self, intent: Intent) -> concurrent.futures.Future[int]:
        answer: concurrent.futures.Future[int] = concurrent.futures.Future()
        answer.set_exception(IntentRefused("The engine does not want to."))
        return answer


@dataclass
class Person:
    """Clicks, and hears; what a click started is over when the next method returns."""

    engine: Asking
    chores: Chores | None
    waits_for: list[ServerName] = field(default_factory=list)
    snoozed: list[int] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self._heard: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._clicks = Clicks(
            self.engine,
            self.chores,
            Face(
                post=lambda work: work(),
                notify=lambda title, body: self._heard.put((title, body)),
                snooze=self.snoozed.append,
                look=self._look,
                waits_for=self._wait_for,
                forgets=self.waits_for.remove,
            ),
            lambda page: f"http://127.0.0.1:1/ui/#code=x{page}",
        )

    def click(self, row_id: str) -> None:
        self._clicks.clicked(row_id)
        for thread in threading.enumerate():
            if thread.name == BACKGROUND:
                thread.join(LIMIT)

    def hears(self) -> list[tuple[str, str]]:
        """Titles and bodies of the notifications since the last time."""
        heard = []
        while not self._heard.empty():
            heard.append(self._heard.get())
        return heard

    def _look(self) -> None:
        self.looks += 1

    def _wait_for(self, names: Iterable[ServerName]) -> None:
        self.waits_for += names

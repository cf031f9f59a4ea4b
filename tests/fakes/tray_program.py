"""``python -m tests.fakes.tray_program``: the real tray on a scripted engine, as a program.

Prints ``ready``, then one line for everything asked of the engine and ``say …`` for every
sentence said to the person. Lines on stdin change the world: ``phase NAME PHASE``, ``remove
NAME``, ``refuse`` (everything from now on), ``notice show``, ``stop``.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from core.clients.desk import Desk
from core.clients.places import Surroundings
from core.errors import UnknownServer
from core.model.intents import Intent
from core.model.notices import NoticeCode
from core.model.status import Phase
from tests.fakes.tray_engine import ScriptedEngine, status
from tray_app.app_chores import AppChores
from tray_app.autostart import DesktopEntry
from tray_app.chores import Chores
from tray_app.main import run_tray
from tray_app.updates import Updates


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class TellingEngine(ScriptedEngine):
    """Prints every intent; can be told to refuse them."""

    refuses = False

    def _carry_out(self, intent: Intent) -> None:
        tell(f"asked {intent}")
        if self.refuses:
            raise UnknownServer("gone", self.snapshot.servers)
        super()._carry_out(intent)


Person = Callable[[list[str]], bool]
"""Does what a line says, and tells whether it could."""


def obey(engine: TellingEngine, person: Person) -> None:
    for line in sys.stdin:
        match line.split():
            case words if person(words):
                pass
            case ["phase", name, phase]:
                engine.publish(status(name, Phase(phase)))
            case ["remove", name]:
                engine.remove(name)
            case ["refuse"]:
                engine.refuses = True
                tell("refuses")
            case ["notice", "show"]:
                engine.notice(NoticeCode.SHOW)
            case ["stop"]:
                engine.stop()
            case _:
                raise ValueError(line)


def chores(home: Path) -> Chores:
    """A computer without anything on it."""
    data = home / "data"
    surroundings = Surroundings(home, {}, sys.platform)

    def desk() -> Desk:
        return Desk(home / "mcp_config.json", data, surroundings, ("mcpproxy-tray", "stdio"))

    def no_review(server: str) -> str:
        raise UnknownServer(server, ())

    return Chores(
        sign_in_link=no_review,
        signed_in=lambda server: None,
        config_file=home / "mcp_config.json",
        data_dir=data,
        log_dir=home,
        log_path_of=lambda name: home / f"server-{name}.log",
        review_of=no_review,
        write_report=lambda file: None,
        recent_calls=tuple,
        unused_for=lambda name: None,
        problems=lambda: "Nothing is wrong.",
        apps=AppChores(desk, home),
        updates=lambda: Updates(data / "updates.json", ""),
        autostart=DesktopEntry(home),
        command=("mcpproxy-tray",),
    )


def main(person: Person = lambda _words: False) -> None:
    engine = TellingEngine([status(name) for name in sys.argv[1:]])
    threading.Thread(target=obey, args=(engine, person), daemon=True).start()
    run_tray(
        engine,
        chores(Path("/nonexistent")),
        dashboard=lambda page: f"http://127.0.0.1:1/ui/#code=x;{page}",
        on_ready=lambda: tell("ready"),
        say=lambda sentence: tell(f"say {sentence}"),
    )
    tell("over")


if __name__ == "__main__":
    main()

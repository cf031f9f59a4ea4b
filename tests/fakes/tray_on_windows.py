"""``python -m tests.fakes.tray_on_windows``: ``tray_program`` as on Windows, without Windows.

More lines on stdin are what a person or the system does there: ``press L`` (or ``R``: a button
of the mouse), ``choose A / B``, ``console N``, ``session N`` (a window message); ``look`` prints
as JSON what is to be seen.
"""

from __future__ import annotations

import json
import sys
import threading

from tests.fakes import tray_program, win32
from tests.fakes.tray_program import tell


def look() -> None:
    shown = win32.SCREEN.menu_is_shown()
    tell(f"seen {json.dumps({**win32.SCREEN.icon, 'menu': shown})}")


def person(words: list[str]) -> bool:
    """Whether it is something that a person or the system does."""
    screen = win32.SCREEN
    match words:
        case ["look"]:
            look()
        case ["press", button]:
            screen.press(button)
        case ["choose", *path]:
            screen.choose(*" ".join(path).split(" / "))
        case ["console", event]:
            threading.Thread(target=screen.console, args=(int(event),), daemon=True).start()
        case ["session", message]:
            screen.ask(int(message, 16), 1, lambda answer: tell(f"answered {answer}"))
        case _:
            return False
    return True


if __name__ == "__main__":
    win32.install()
    sys.platform = "win32"  # after the standard library was imported, before the tray's shell is
    tray_program.main(person)

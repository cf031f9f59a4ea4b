"""``python -m tests.fakes.tray_on_mac``: ``tray_program`` as on macOS, with a stand-in for AppKit.

More lines on stdin are what a person or the system does there: ``open``, ``click A / B``,
``interrupt``, ``terminate``; ``look`` prints as JSON what is to be seen and heard.
"""

from __future__ import annotations

import io
import json
import signal
import sys

from PIL import Image

from tests.fakes import appkit, tray_program
from tests.fakes.tray_program import tell


def look() -> None:
    button, menu = appkit.ITEM.button(), appkit.ITEM.menu
    assert button.image is not None
    assert menu is not None
    with Image.open(io.BytesIO(button.image.data)) as picture:
        colours = picture.convert("RGB").getcolors()
        seen = {
            "tooltip": button.tooltip,
            "heard": button.label,
            "points": button.image.size,
            "pixels": picture.size,
            "template": button.image.is_template,
            "colours": [colour for _, colour in colours or ()],
            "in the dock": appkit.APPLICATION.policy != appkit.ACCESSORY,
            "menu": [item.title for item in menu.items if item.title],
        }
    tell(f"seen {json.dumps(seen)}")


def person(words: list[str]) -> bool:
    """Whether it is something that a person or the system does."""
    match words:
        case ["look"]:
            appkit.call_after(look)
        case ["open"]:
            appkit.call_after(appkit.ITEM.open)
        case ["click", *path]:
            appkit.call_after(appkit.ITEM.click, *" ".join(path).split(" / "))
        case ["interrupt"]:
            appkit.deliver(signal.SIGINT)
        case ["terminate"]:
            appkit.call_after(appkit.APPLICATION.terminate_, None)
        case _:
            return False
    return True


if __name__ == "__main__":
    appkit.install()
    sys.platform = "darwin"  # after the standard library was imported, before the tray's shell is
    tray_program.main(person)

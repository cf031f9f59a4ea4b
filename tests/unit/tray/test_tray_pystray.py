"""pystray is pinned because its private hooks are used: here is what must exist."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from tray_app import pystray_shell
from tray_app.row import Row
from tray_app.ui_thread import LoopThread
from tray_app.view import IconState, TrayView

if TYPE_CHECKING:
    import pystray

HOOKS = [
    "_hide",
    "_mark_ready",
    "_notify",
    "_run",
    "_show",
    "_stop",
    "_update_icon",
    "_update_menu",
    "_update_title",
]


def imported(code: str, **environment: str) -> str:
    """What the code prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout


def test_version_is_the_pinned_one() -> None:
    """The hooks below were read in 0.19."""
    assert metadata.version("pystray").startswith("0.19.")


@pytest.mark.parametrize("name", HOOKS)
def test_hook_exists(name: str) -> None:
    """Each hook that our backend overrides or calls is pystray's."""
    code = (
        "from pystray import _base, Menu\n"
        f"print(callable(_base.Icon.{name}), callable(Menu.__iter__))"
    )
    assert imported(code, PYSTRAY_BACKEND="dummy") == "True True\n"


def test_state_that_the_backend_reads_exists() -> None:
    """The attributes behind icon, title, menu and visible are where our backend reads them."""
    code = (
        "from pystray import _base\n"
        "icon = _base.Icon('x')\n"
        "print(icon._icon, icon._icon_valid, icon._title, icon._menu, icon._visible)"
    )
    assert imported(code, PYSTRAY_BACKEND="dummy") == "None False  None False\n"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' backend")
@pytest.mark.parametrize("asked", ["gtk", "xorg", "nonsense", ""])
def test_neither_gtk_nor_x_is_imported(asked: str) -> None:
    """Whatever the environment asks pystray for, only ours is loaded; the variable is put back."""
    code = (
        "import os, sys\n"
        "from tray_app import pystray_shell\n"
        "pystray_shell.linux(print, print, None)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('gi', 'Xlib')])\n"
        "print(os.environ.get('PYSTRAY_BACKEND'))"
    )
    assert imported(code, PYSTRAY_BACKEND=asked, DISPLAY="") == f"[]\n{asked}\n"


def test_rows_that_stay_are_not_made_anew() -> None:
    """Of two menus the equal rows share what pystray has of them; what differs shows its words."""
    shell = pystray_shell.linux(str, str, None)
    assert isinstance(shell.ui, LoopThread)

    def drawn(*labels: str) -> list[pystray.MenuItem]:
        rows = tuple(
            Row(f"s/{at}", label, rows=(Row(f"s/{at}/x", "Restart"),))
            for at, label in enumerate(labels)
        )
        shell.draw(TrayView(icon=IconState.OK, title="", tooltip="", menu=rows))
        return list(shell._icon.menu)

    first, second = drawn("git", "time"), drawn("git", "time: stopped")
    assert second[0] is first[0]
    assert [item.text for item in second] == ["git", "time: stopped"]
    third = drawn("git: stopped", "time: stopped")
    assert [item.text for item in third] == ["git: stopped", "time: stopped"]
    assert third[1] is second[1]
    shell.ui.loop.close()

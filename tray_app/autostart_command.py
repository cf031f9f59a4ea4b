"""``mcpproxy-tray autostart``: whether the program starts at login."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tray_app.flags import Flags, everywhere
from tray_app.program import program


def start_command(flags: Flags) -> list[str]:
    """What starts this program with the same files."""
    command = [program()]
    for flag, value in (("--config", flags.config), ("--data-dir", flags.data_dir)):
        if value is not None:
            command += [flag, str(Path(value).expanduser().absolute())]
    return command


@click.command()
@everywhere
@click.argument("what", type=click.Choice(["on", "off", "status"]), default="status")
@click.pass_obj
def autostart(flags: Flags, what: str) -> None:
    """Start at login, or no longer, or say whether it does.

    --config and --data-dir, where given, hold for the start at login too.
    """
    from tray_app.autostart import here, switch

    place = here(Path.home(), os.environ)
    if what != "status":
        switch(place, what == "on", start_command(flags))
    on = place.is_on()
    words = f"Start at login is {'on' if on else 'off'} ({place.place})."
    flags.show({"autostart": on, "place": place.place}, lambda _: words)

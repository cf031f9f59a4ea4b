"""The keyring as commands use it: slow answers are told on the error output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tray_app.flags import Flags

if TYPE_CHECKING:
    from core.secrets.drawer import Drawer


def drawer_of(flags: Flags) -> Drawer:
    """For the config file that the flags name; what it needs is loaded here."""
    from core.secrets.drawer import Drawer

    return Drawer(flags.paths().config_file, lambda sentence: click.echo(sentence, err=True))

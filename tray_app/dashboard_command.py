"""``mcpproxy-tray dashboard``: opens the running program's page in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from tray_app import text
from tray_app.attach_command import engine_at, key_from
from tray_app.flags import Flags, everywhere
from tray_app.way_in import way_in, way_in_at


@click.command()
@everywhere
@click.argument("url", required=False)
@click.option("--key-file", type=click.Path(path_type=Path), help="A file with the engine's key.")
@click.option("--print", "only_print", is_flag=True, help="Print the address, open nothing.")
@click.pass_obj
def dashboard(flags: Flags, url: str | None, key_file: Path | None, only_print: bool) -> None:
    """Open the dashboard in your browser: all that the menu has, logs, approvals and more.

    With URL, that of the engine there, such as http://127.0.0.1:8080: a service of another user,
    or one at the end of a tunnel. Its key is taken from MCPPROXY_API_KEY, or from a file.

    The address that is printed lets one browser of yours in, once, within a minute.
    """
    if url is None:
        address = way_in(flags.client())
    else:
        address = way_in_at(engine_at(url), key_from(key_file))
    words, opened = address, False
    if not only_print:
        from tray_app.desktop import DesktopFailure, open_url

        try:
            open_url(address)
            words, opened = text.dashboard_opened(address), True
        except DesktopFailure as failure:
            words = str(failure)
    flags.show({"url": address, "opened": opened}, lambda _: words)

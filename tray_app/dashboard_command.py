"""``mcpproxy-tray dashboard``: opens the running program's page in the browser."""

from __future__ import annotations

import click

from tray_app import text
from tray_app.client import Client
from tray_app.flags import Flags, everywhere


def address(client: Client, page: str = "") -> str:
    """Where a browser is let in once, soon, and led to a page such as ``/servers/NAME``.

    Raises Failed, NotRunning.
    """
    url = str(client.post("/api/v1/ui/code")["url"])
    return f"{url}&to={page}" if page else url


@click.command()
@everywhere
@click.option("--print", "only_print", is_flag=True, help="Print the address, open nothing.")
@click.pass_obj
def dashboard(flags: Flags, only_print: bool) -> None:
    """Open the dashboard in your browser: all that the menu has, logs, approvals and more.

    The address that is printed lets one browser of yours in, once, within a minute.
    """
    url = address(flags.client())
    opened = False
    if not only_print:
        from tray_app.desktop import DesktopFailure, open_url

        try:
            open_url(url)
            opened = True
        except DesktopFailure as failure:
            click.echo(str(failure), err=True)
            return
    words = text.dashboard_opened(url) if opened else url
    flags.show({"url": url, "opened": opened}, lambda _: words)

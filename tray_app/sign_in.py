"""``mcpproxy-tray login`` and ``logout``: sign in to a server in the browser, and out again."""

from __future__ import annotations

import sys
import threading
from urllib.parse import quote

import click

from tray_app.client import Client, Failed, Json
from tray_app.flags import Flags, everywhere

PATIENCE = 290.0  # seconds; the link is good for five minutes


@click.command()
@everywhere
@click.argument("server")
@click.option("--no-browser", is_flag=True, help="Only print the link.")
@click.pass_obj
def login(flags: Flags, server: str, no_browser: bool) -> None:
    """Sign in to SERVER in the browser, and wait until it is ready.

    The link works in any browser on the computer where MCP Proxy Tray runs.
    """
    client = flags.client()
    address = link(client, server)
    click.echo(f"To sign in to {server}, open this link in your browser:\n{address}", err=True)
    if not no_browser and _has_screen():
        threading.Thread(target=_open, args=(address,), name="browser", daemon=True).start()
    data = awaited(client, server)
    flags.show(data, lambda answer: f"{server}: {answer['server']['health']['summary']}")


@click.command()
@everywhere
@click.argument("server")
@click.pass_obj
def logout(flags: Flags, server: str) -> None:
    """Forget what proves to SERVER who you are."""
    data = flags.client().post(f"{_path(server)}/logout")
    flags.show(data, lambda _: f"You are signed out of {server}.")


def link(client: Client, server: str) -> str:
    """What to open in the browser. Raises Failed, NotRunning."""
    return str(client.post(f"{_path(server)}/login", waits=True)["link"])


def awaited(client: Client, server: str) -> Json:
    """Wait until the person has signed in and the server is ready. Raises Failed, NotRunning."""
    asked = f"{_path(server)}/login?wait=ready&timeout={PATIENCE:g}"
    return client.get(asked, PATIENCE + PATIENCE)


def waited(client: Client, server: str) -> None:
    """The same, where somebody who takes their time is no failure."""
    try:
        awaited(client, server)
    except Failed as failure:
        if failure.code != "wait_timeout":
            raise


def _path(server: str) -> str:
    return f"/api/v1/servers/{quote(server, safe='')}"


def _has_screen() -> bool:
    """Elsewhere some openers start a browser that takes the terminal."""
    import os

    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    from tray_app.desktop import DesktopFailure, open_link

    try:
        open_link(address)
    except DesktopFailure as failure:
        click.echo(f"The browser could not be opened: {failure}", err=True)

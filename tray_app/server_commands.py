"""``mcpproxy-tray servers``: looks at the servers of the running engine, and acts on one."""

from __future__ import annotations

from urllib.parse import quote

import click

from tray_app import report
from tray_app.client import PATIENCE
from tray_app.flags import Flags, everywhere


@click.group()
def servers() -> None:
    """Look at the servers, and act on one."""


@servers.command("list")
@everywhere
@click.pass_obj
def servers_list(flags: Flags) -> None:
    """All servers, with their state and what is wrong."""
    flags.show(flags.client().get("/api/v1/servers"), report.servers)


@servers.command()
@everywhere
@click.argument("name")
@click.pass_obj
def enable(flags: Flags, name: str) -> None:
    """Want a server, and wait until it is ready."""
    _act(flags, name, "enable", "ready")


@servers.command()
@everywhere
@click.argument("name")
@click.pass_obj
def disable(flags: Flags, name: str) -> None:
    """Stop a server and leave it stopped."""
    _act(flags, name, "disable", "disabled")


@servers.command()
@everywhere
@click.argument("name")
@click.pass_obj
def restart(flags: Flags, name: str) -> None:
    """Start a server anew, and wait until it is ready."""
    _act(flags, name, "restart", "ready")


@servers.command()
@everywhere
@click.argument("name")
@click.option("--tail", default=200, show_default=True, help="How many lines.")
@click.pass_obj
def logs(flags: Flags, name: str, tail: int) -> None:
    """The last lines of a server's log."""
    data = flags.client().get(f"/api/v1/servers/{quote(name, safe='')}/logs?tail={tail}")
    flags.show(data, lambda log: "\n".join(log["lines"]) or f"{name} has written nothing yet.")


def _act(flags: Flags, name: str, verb: str, phase: str) -> None:
    path = f"/api/v1/servers/{quote(name, safe='')}/{verb}?wait={phase}&timeout={PATIENCE:g}"
    data = flags.client().post(path, waits=True)
    flags.show(data, lambda answer: f"{name}: {answer['server']['health']['summary']}")

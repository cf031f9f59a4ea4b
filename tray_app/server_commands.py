"""``mcpproxy-tray servers``: looks at the servers of the running engine, and acts on one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from tray_app import report
from tray_app.client import PATIENCE
from tray_app.flags import Flags, everywhere
from tray_app.printable import printable
from tray_app.registry_commands import add_published, search

WAITS = f"timeout={PATIENCE:g}"


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
@click.argument("command", nargs=-1)
@click.option("--url", metavar="URL", help="A server to reach, instead of a command to start.")
@click.option("--env", "env", metavar="NAME=VALUE", multiple=True, help="For the command; repeat.")
@click.option(
    "--header", "header", metavar="NAME=VALUE", multiple=True, help="For the URL; repeat."
)
@click.option("--working-dir", metavar="DIR", help="Where the command starts.")
@click.option("--from-registry", metavar="PUBLISHED", help="A name that servers search found.")
@click.option("--disabled", is_flag=True, help="Write the entry, but do not start it yet.")
@click.pass_obj
def add(
    flags: Flags,
    name: str,
    command: tuple[str, ...],
    url: str | None,
    env: tuple[str, ...],
    header: tuple[str, ...],
    working_dir: str | None,
    from_registry: str | None,
    disabled: bool,
) -> None:
    """Write a server into the config file: NAME and the command that starts it, or --url.

    What belongs to the command comes after --, as in: servers add time -- uvx mcp-server-time
    With --from-registry it does not run until you have approved it.
    """
    if from_registry is not None:
        if command or url is not None or env or header or working_dir:
            raise click.UsageError("--from-registry goes with NAME alone.")
        add_published(flags, name, from_registry)
        return
    if bool(command) == (url is not None):
        raise click.UsageError("Give either a command, after --, or --url.")
    entry: dict[str, object] = {"name": name}
    if url is not None:
        entry |= {"url": url, "headers": _settings(header, "--header")}
    else:
        entry |= {"command": command[0], "args": list(command[1:]), "env": _settings(env, "--env")}
        entry |= {"working_dir": working_dir}
    if disabled:
        entry["enabled"] = False
    entry = {key: value for key, value in entry.items() if value not in (None, {}, [])}
    wait = "disabled" if disabled else "ready"
    data = flags.client().post(f"/api/v1/servers?wait={wait}&{WAITS}", entry, waits=True)
    flags.show(data, lambda answer: f"{name}: {answer['server']['health']['summary']}")


@servers.command()
@everywhere
@click.argument("name")
@click.pass_obj
def remove(flags: Flags, name: str) -> None:
    """Take a server out of the config file; the file of before is kept beside it as .bak."""
    data = flags.client().delete(_path(name))
    flags.show(data, lambda _: f"{name} was removed.")


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
@click.option("-n", "--tail", default=200, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what the server writes from now on.")
@click.pass_obj
def logs(flags: Flags, name: str, tail: int, follow: bool) -> None:
    """The last lines of a server's log."""
    path = f"{_path(name)}/logs?tail={tail}"
    if follow:
        for event in flags.client().events(f"{path}&follow=1"):
            _show(*event, as_json=flags.as_json)
        return
    data = flags.client().get(path)
    flags.show(data, lambda log: "\n".join(log["lines"]) or f"{name} has written nothing yet.")


servers.add_command(search)


def _show(kind: str, data: Any, *, as_json: bool) -> None:
    """Print one event of a log that is followed; as JSON, one object a line."""
    if as_json:
        click.echo(json.dumps({kind: data}))
    elif kind == "lines":
        for line in data:
            click.echo(printable(line))
    elif kind == "dropped":
        click.echo(f"[{data} lines were lost: they came too fast]", err=True)
    elif kind == "bye":
        click.echo("MCP Proxy Tray is stopping.", err=True)


def _act(flags: Flags, name: str, verb: str, phase: str) -> None:
    data = flags.client().post(f"{_path(name)}/{verb}?wait={phase}&{WAITS}", waits=True)
    flags.show(data, lambda answer: f"{name}: {answer['server']['health']['summary']}")


def _path(name: str) -> str:
    return f"/api/v1/servers/{quote(name, safe='')}"


def _settings(given: Iterable[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` as a member each. Raises UsageError."""
    settings = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{option} wants NAME=VALUE.")
        settings[name] = value
    return settings

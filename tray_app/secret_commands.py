"""``mcpproxy-tray secrets``: values in the desktop's keyring, for entries to refer to."""

from __future__ import annotations

import sys
from urllib.parse import quote

import click

from core.errors import McpProxyError
from core.model.references import KEYRING, SECRET_NAME, Reference
from tray_app.client import Json
from tray_app.drawer import drawer_of
from tray_app.flags import Flags, everywhere
from tray_app.report import table


@click.group()
def secrets() -> None:
    """Keep values in the keyring, out of the config file."""


@secrets.command("set")
@everywhere
@click.argument("name")
@click.pass_obj
def set_secret(flags: Flags, name: str) -> None:
    """Put a value into the keyring; an entry refers to it as ${keyring:NAME}.

    Asks for the value without showing it, or reads it from a pipe. Servers that failed for want
    of it are tried again.
    """
    _check(name)
    drawer = drawer_of(flags)
    drawer.put({name: _value(name)})
    users, told = drawer.users(name), _engine_told(flags, name)
    data = {"name": name, "reference": str(Reference(KEYRING, name))}
    flags.show({**data, "servers": list(users), "tried_again": told}, _set_words)


@secrets.command("list")
@everywhere
@click.pass_obj
def list_secrets(flags: Flags) -> None:
    """The names of all secrets, and the servers that refer to each; never a value."""
    kept = [
        {"name": each.name, "has_value": each.has_value, "servers": list(each.servers)}
        for each in drawer_of(flags).listed()
    ]
    flags.show({"secrets": kept}, _list_words)


@secrets.command("delete")
@everywhere
@click.argument("name")
@click.pass_obj
def delete_secret(flags: Flags, name: str) -> None:
    """Take a value out of the keyring."""
    drawer = drawer_of(flags)
    if not drawer.take_out([name]):
        raise McpProxyError(
            f"There is no secret named {name!r} in the keyring. mcpproxy-tray secrets list "
            "shows those there are."
        )
    flags.show({"name": name, "servers": list(drawer.users(name))}, _delete_words)


def _check(name: str) -> None:
    if not SECRET_NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} cannot name a secret: use letters, digits, dots, hyphens and underscores, "
            "128 at most."
        )


def _value(name: str) -> str:
    """What the person types, or what comes down the pipe without its last line break."""
    if sys.stdin.isatty():
        value = str(click.prompt(f"Value of {name}", hide_input=True, err=True))
    else:
        try:
            value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise click.UsageError("The value is no text in UTF-8.") from error
    if not value:
        raise click.UsageError("No value was given, so nothing was set. Type it, or pipe it in.")
    if "\0" in value:
        raise click.UsageError("The value has a zero byte in it, which no server can be given.")
    return value


def _engine_told(flags: Flags, name: str) -> bool:
    """Whether a running engine heard of it; without one there is nothing to try again.

    The value is kept by then, so that an engine which is just stopping is no failure.
    """
    try:
        flags.client().post(f"/api/v1/secrets/{quote(name, safe='')}/changed")
    except McpProxyError:
        return False
    return True


def _set_words(data: Json) -> str:
    words = f"{data['name']} is in the keyring. An entry refers to it as {data['reference']}"
    if data["servers"] and data["tried_again"]:
        return f"{words}\nTried again, unless they work: {', '.join(data['servers'])}"
    return words


def _list_words(data: Json) -> str:
    if not data["secrets"]:
        return "There are none. mcpproxy-tray secrets set NAME adds one."
    rows = [("NAME", "VALUE", "SERVERS")]
    rows += [
        (each["name"], "set" if each["has_value"] else "missing", ", ".join(each["servers"]))
        for each in data["secrets"]
    ]
    return table(rows)


def _delete_words(data: Json) -> str:
    words = f"{data['name']} is no longer in the keyring."
    if data["servers"]:
        return f"{words} These servers refer to it and will not start: {', '.join(data['servers'])}"
    return words

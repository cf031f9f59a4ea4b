"""``mcpproxy-tray servers search``: published servers, and one of them put into the config file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from core.errors import McpProxyError
from tray_app.client import Json
from tray_app.flags import Flags, everywhere

SHOWN = 20


class NotOffered(McpProxyError):
    """The registry has no such server, or none that can be used here."""


@click.command()
@everywhere
@click.argument("words", nargs=-1, required=True)
@click.pass_obj
def search(flags: Flags, words: tuple[str, ...]) -> None:
    """Look for published servers by WORDS of their name, if the config file names a registry."""
    flags.show(_found(flags, " ".join(words)), offers)


def add_published(flags: Flags, name: str, published: str) -> None:
    """Write the first way to have the server into the config file, where it waits for approval.

    Raises NotOffered.
    """
    found = _found(flags, published)["servers"]
    offer = next((each for each in found if each["name"] == published), None)
    if offer is None:
        raise NotOffered(
            f"The registry has no server named {published!r}. "
            "Find its whole name with: mcpproxy-tray servers search"
        )
    if not offer["ways"]:
        why = " ".join(offer["unusable"]) or "It names neither a package nor an address."
        raise NotOffered(f"{published} cannot be used here. {why}")
    way = offer["ways"][0]
    entry = {"name": name, **way["entry"], "enabled": False, "quarantined": True}
    data = flags.client().post("/api/v1/servers", entry)
    flags.show(data, lambda _: added(name, offer, way))


def added(name: str, offer: Json, way: Json) -> str:
    """What was written down, and what is left for the person to do."""
    lines = [f"{name} was added and does not run yet.", f"  runs  {way['runs']}"]
    lines += _needs(way)
    if offer["warning"]:
        lines.append(f"  note  {offer['warning']}")
    lines.append(f"Look at it and approve it with: mcpproxy-tray servers approve {name}")
    return "\n".join(lines)


def offers(data: Json) -> str:
    """Each server with what would run, what it needs, and why it cannot be used if so."""
    found: list[dict[str, Any]] = data["servers"]
    if not found:
        return f"The registry knows no server whose name holds {data['query']!r}."
    lines: list[str] = []
    for offer in found:
        lines.append(f"{offer['name']} {offer['version']}")
        if offer["description"]:
            lines.append(f"  {offer['description']}")
        for way in offer["ways"]:
            lines += [f"  runs  {way['runs']}", *_needs(way)]
        lines += [f"  not usable here: {why}" for why in offer["unusable"]]
        if offer["warning"]:
            lines.append(f"  note  {offer['warning']}")
    if data["more"]:
        lines.append("There are others; search with more words.")
    first = next((each for each in found if each["ways"]), None)
    if first is not None:
        command = f"servers add {first['called']} --from-registry {first['name']}"
        lines.append(f"Add one with: mcpproxy-tray {command}")
    return "\n".join(lines)


def _needs(way: Json) -> list[str]:
    return [
        f"  needs the environment variable {each['variable']} "
        f"({each['description'] or each['name']})"
        for each in way["needs"]
        if each["required"]
    ]


def _found(flags: Flags, query: str) -> Json:
    asked = urlencode({"q": query, "limit": SHOWN})
    return flags.client().get(f"/api/v1/registry?{asked}")

"""``servers approve``, ``tools approve`` and ``tools diff``: a person's word, given to the engine.

What is approved is named by the hash of what was shown, so that nothing else can be meant.
"""

from __future__ import annotations

import sys
from urllib.parse import quote

import click

from core.errors import McpProxyError
from tray_app import approval_words
from tray_app.client import Client, Json
from tray_app.flags import Flags, everywhere
from tray_app.printable import printable

SEPARATOR = ":"  # a tool id is split at the first one


class NotAgreed(McpProxyError):
    """Nothing was approved, and why."""


@click.command("approve")
@everywhere
@click.argument("name")
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@click.pass_obj
def approve_server(flags: Flags, name: str, yes: bool) -> None:
    """Show all that waits about a server, and agree to it."""
    shown = flags.client().get(f"{_path(name)}/review")
    _agree_to_all(flags, shown, yes)


@click.command("approve")
@everywhere
@click.argument("ids", metavar="SERVER[:TOOL]...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@click.pass_obj
def approve_tools(flags: Flags, ids: tuple[str, ...], yes: bool) -> None:
    """Show what is new or changed in tools, and agree to it; a SERVER means all its tools."""
    for tool_id in ids:
        server, separator, tool = tool_id.partition(SEPARATOR)
        if not separator:
            _agree_to_all(flags, flags.client().get(f"{_path(server)}/review"), yes)
            continue
        shown = flags.client().get(f"{_path(server)}/tools/{quote(tool, safe='')}/diff")
        if shown["standing"] == "approved":
            flags.show(shown, lambda data: f"{data['server']}:{data['tool']} is approved already.")
            continue
        _ask(approval_words.diff(shown), tool_id, yes)
        body = {"tools": [{"name": tool, "hash": shown["hash"]}]}
        _send(flags, server, body, tool_id)


@click.command()
@everywhere
@click.argument("tool_id", metavar="SERVER[:TOOL]")
@click.pass_obj
def diff(flags: Flags, tool_id: str) -> None:
    """What changed in a tool since it was approved; of a SERVER, all that waits."""
    server, separator, tool = tool_id.partition(SEPARATOR)
    if not separator:
        flags.show(flags.client().get(f"{_path(server)}/review"), approval_words.review)
        return
    path = f"{_path(server)}/tools/{quote(tool, safe='')}/diff"
    flags.show(flags.client().get(path), approval_words.diff)


def review_of(client: Client, server: str) -> str:
    """What waits at a server, in words. Raises NotRunning and Failed."""
    return approval_words.review(client.get(f"{_path(server)}/review"))


def _agree_to_all(flags: Flags, shown: Json, yes: bool) -> None:
    if not shown["review"]["hash"]:
        flags.show(shown, approval_words.review)
        return
    _ask(approval_words.review(shown), approval_words.waiting(shown), yes)
    _send(flags, shown["server"], {"hash": shown["review"]["hash"]}, shown["server"])


def _ask(words: str, what: str, yes: bool) -> None:
    """Show it on the error output, so that what a program reads stays data. Raises NotAgreed."""
    click.echo(printable(words), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotAgreed("Nothing was approved: nobody is there to be asked. Add --yes to agree.")
    if not click.confirm(printable(f"Approve {what}?"), err=True):
        raise NotAgreed("Nothing was approved.")


def _send(flags: Flags, server: str, body: object, what: str) -> None:
    data = flags.client().post(f"{_path(server)}/tools/approve", body)
    flags.show(data, lambda answer: f"{what}: {answer['server']['health']['summary']}")


def _path(name: str) -> str:
    return f"/api/v1/servers/{quote(name, safe='')}"

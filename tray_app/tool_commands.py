"""``mcpproxy-tray tools``: finds tools of the running engine's servers, and calls one."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlencode

import click

from tray_app import report
from tray_app.flags import Flags, everywhere


@click.group()
def tools() -> None:
    """Find tools, and call one."""


@tools.command()
@everywhere
@click.argument("query", nargs=-1)
@click.option("-n", "--limit", type=int, help="How many; without a query, all.")
@click.pass_obj
def search(flags: Flags, query: tuple[str, ...], limit: int | None) -> None:
    """Tools by what they do, best first; without a QUERY, all there are."""
    asked: dict[str, str | int] = {"q": " ".join(query)}
    if limit is not None:
        asked["limit"] = limit
    flags.show(flags.client().get(f"/api/v1/tools?{urlencode(asked)}"), report.tools)


@tools.command()
@everywhere
@click.argument("tool", metavar="SERVER:TOOL")
@click.argument("arguments", metavar="[JSON]", default="{}")
@click.pass_obj
def call(flags: Flags, tool: str, arguments: str) -> None:
    """Call a tool with arguments as a JSON object; - reads them from standard input.

    Exit code 1 when the tool says that it failed.
    """
    text = sys.stdin.read() if arguments == "-" else arguments
    try:
        args = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"The arguments are no JSON: {error}.") from None
    if not isinstance(args, dict):
        raise click.UsageError('The arguments are a JSON object, like {"city": "Oslo"}.')
    data = flags.client().call({"name": tool, "args": args})
    flags.show(data, report.called)
    if data["result"].get("isError"):
        sys.exit(1)

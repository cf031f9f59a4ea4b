"""``mcpproxy-tray import``, ``connect`` and ``disconnect``: the config files of AI clients."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import McpProxyError
from tray_app.drawer import drawer_of
from tray_app.flags import Flags, everywhere
from tray_app.program import program
from tray_app.report import table

if TYPE_CHECKING:
    from core.clients.catalogue import Client
    from core.clients.connecting import Connections, Plan
    from core.clients.desk import Desk
    from core.clients.importing import Source

_YES = click.option("--yes", is_flag=True, help="Write without asking.")
_HINT = "With --secrets-to-keyring, what is in plain text goes into your keyring instead."
_DRY = click.option("--dry-run", is_flag=True, help="Show what would be written, and stop.")


@click.command("import")
@everywhere
@click.argument("client", required=False)
@click.option(
    "--secrets-to-keyring",
    "to_keyring",
    is_flag=True,
    help="Move what is secret into the keyring; entries refer to it.",
)
@_DRY
@_YES
@click.pass_obj
def import_servers(
    flags: Flags, client: str | None, to_keyring: bool, dry_run: bool, yes: bool
) -> None:
    """Take servers over from AI clients, or from CLIENT only.

    Their own files are left as they are. What is taken over waits for your approval.
    """
    from core.clients.catalogue import CLIENTS
    from core.clients.importing import importable

    desk = _desk(flags)
    found = desk.sources(CLIENTS if client is None else (_client(client),), asking=to_keyring)
    count = len(list(importable(found)))
    preview = found_words(found, to_keyring)
    question = f"Add {_servers(count)} to {desk.config_file}?"
    done = count > 0 and _agreed(flags, preview, question, dry_run, yes)
    if done:
        desk.take_over(found, drawer_of(flags) if to_keyring else None)
    if flags.as_json:
        told = {"imported": done, "secrets_to_keyring": to_keyring}
        flags.show({**told, "sources": [_as_data(source) for source in found]}, str)
    elif count == 0:
        click.echo(preview or "No config file of an AI client was found.")
        click.echo("There is nothing to take over.")
    elif done:
        click.echo(f"Added {_servers(count)}. They wait for your approval.")
        for secret in dict.fromkeys(name for each in importable(found) for name in each.asks):
            click.echo(f"Still to be given: mcpproxy-tray secrets set {secret}")


@click.command()
@everywhere
@click.argument("client", required=False)
@_DRY
@_YES
@click.pass_obj
def connect(flags: Flags, client: str | None, dry_run: bool, yes: bool) -> None:
    """Add this program to the config file of CLIENT; without CLIENT, list them all."""
    connections = _desk(flags).connections()
    if client is None:
        _list(flags, connections)
        return
    _carry_out(flags, connections, connections.connect(_client(client)), dry_run, yes)


@click.command()
@everywhere
@click.argument("client")
@_DRY
@_YES
@click.pass_obj
def disconnect(flags: Flags, client: str, dry_run: bool, yes: bool) -> None:
    """Take this program out of the config file of CLIENT.

    A file that nobody changed since is brought back exactly as it was.
    """
    connections = _desk(flags).connections()
    _carry_out(flags, connections, connections.leave(_client(client)), dry_run, yes)


def _carry_out(
    flags: Flags, connections: Connections, plan: Plan, dry_run: bool, yes: bool
) -> None:
    title = plan.client.title
    done = not plan.changes_nothing and _agreed(flags, plan.diff, "Write this?", dry_run, yes)
    if done:
        connections.carry_out(plan)
    state = connections.state(plan.client).state
    data = {"client": plan.client.id, "file": str(plan.file), "state": state, "written": done}
    if flags.as_json:
        flags.show({**data, "diff": plan.diff}, str)
    elif plan.changes_nothing:
        click.echo(f"{title}: {state}; there is nothing to change in {plan.file}.")
    elif done:
        click.echo(f"{title}: {state}. It reads {plan.file} at its next start.")


def _agreed(flags: Flags, preview: str, question: str, dry_run: bool, yes: bool) -> bool:
    """Show what would be done, unless a program reads, and ask; whether to do it."""
    if not flags.as_json:
        click.echo(preview)
    if dry_run or yes:
        return yes and not dry_run
    if flags.as_json or not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked: add --yes, or --dry-run to look only.")
    return click.confirm(question, default=True)


def _list(flags: Flags, connections: Connections) -> None:
    states = list(connections.states())
    if flags.as_json:
        clients = [
            {"id": each.client.id, "title": each.client.title, "file": str(each.file),
             "state": each.state, "why": each.why}
            for each in states
        ]  # fmt: skip
        flags.show({"clients": clients}, str)
        return
    rows = [("CLIENT", "NAME", "STATE", "")]
    rows += [
        (each.client.id, each.client.title, each.state.value, each.why or str(each.file))
        for each in states
    ]
    click.echo(table(rows))


def found_words(sources: list[Source], to_keyring: bool = False) -> str:
    """A table of what clients have and what would become of it; empty when they have nothing."""
    where = "into the keyring" if to_keyring else "in plain text"
    rows = []
    plain = False
    for source in sources:
        if source.why:
            rows.append((source.client.title, "", "unreadable", f"{source.file}: {source.why}"))
        for each in source.candidates:
            words = [each.reason] if each.reason else []
            if each.asks:
                words.append(f"needs value: {', '.join(each.asks)}")
            if each.secrets:
                words.append(f"{where}: {', '.join(each.secrets)}")
                plain = not to_keyring
            rows.append((source.client.title, each.name, each.outcome.value, "; ".join(words)))
    if not rows:
        return ""
    shown = table([("CLIENT", "SERVER", "OUTCOME", ""), *rows])
    return f"{shown}\n{_HINT}" if plain else shown


def _as_data(source: Source) -> dict[str, object]:
    return {
        "client": source.client.id,
        "file": str(source.file),
        "why": source.why,
        "servers": [
            {"name": each.name, "outcome": each.outcome, "reason": each.reason,
             "secrets": each.secrets, "asks": each.asks}
            for each in source.candidates
        ],
    }  # fmt: skip


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


def _client(name: str) -> Client:
    from core.clients.catalogue import BY_ID

    if name not in BY_ID:
        raise click.UsageError(f"There is no client {name!r}. Known: {', '.join(BY_ID)}.")
    return BY_ID[name]


def _desk(flags: Flags) -> Desk:
    try:
        endpoint = flags.client().get("/api/v1/status")["endpoint"]
    except McpProxyError:
        endpoint = None  # it does not run: the config file tells
    return desk(flags, endpoint)


def desk(flags: Flags, endpoint: str | None) -> Desk:
    """What can be done with AI clients' files, for the engine at ``endpoint``."""
    from core.clients.desk import Desk
    from core.clients.places import Surroundings

    paths = flags.paths()
    return Desk(
        paths.config_file,
        paths.data_dir,
        Surroundings(Path.home(), os.environ, sys.platform),
        (program(), "stdio"),
        endpoint,
        flags.listen,
    )

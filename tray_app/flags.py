"""The flags that every command has, and what a command does with them."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from tray_app.client import Client, Json
from tray_app.paths import Paths, paths
from tray_app.printable import printable

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_LISTEN = "127.0.0.1:8080"


@dataclass(slots=True)
class Flags:
    """The flags that work everywhere; before or after the command, the latter wins."""

    config: str | None = None
    data_dir: str | None = None
    listen: str | None = None
    log_level: str | None = None
    as_json: bool = False

    def paths(self) -> Paths:
        import os

        return paths(self.config, self.data_dir, os.environ)

    def client(self) -> Client:
        return Client(self.paths().socket_file)

    def address(self) -> Path | tuple[str, int]:
        """Where the engine answers; raises UsageError when ``--listen`` is no address."""
        if self.listen is None and hasattr(socket, "AF_UNIX"):
            return self.paths().socket_file
        host, colon, port = (self.listen or DEFAULT_LISTEN).rpartition(":")
        if not (colon and port.isascii() and port.isdigit()):
            raise click.UsageError("--listen wants HOST:PORT, as in 127.0.0.1:8080.")
        return host.strip("[]") or "127.0.0.1", int(port)

    def show(self, data: Json, words: Callable[[Json], str]) -> None:
        """Print for a program or for a person."""
        click.echo(json.dumps(data, indent=2) if self.as_json else printable(words(data)))


def everywhere(command: F) -> F:
    """Give a command the flags that work everywhere."""

    def remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
            if value is not None and value is not False:
                setattr(context.ensure_object(Flags), name, value)

        return callback

    for option in (
        click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=remember("as_json"),
            help="Print data as JSON.",
        ),
        click.option(
            "--log-level",
            metavar="LEVEL",
            expose_value=False,
            callback=remember("log_level"),
            help="trace, debug, info, warn or error.",
        ),
        click.option(
            "--listen",
            metavar="HOST:PORT",
            expose_value=False,
            callback=remember("listen"),
            help="Where AI clients connect; port 0 is any free one.",
        ),
        click.option(
            "--data-dir",
            metavar="DIR",
            expose_value=False,
            callback=remember("data_dir"),
            help="Where the program keeps its data, and its logs.",
        ),
        click.option(
            "--config",
            metavar="FILE",
            expose_value=False,
            callback=remember("config"),
            help="The config file to use.",
        ),
    ):
        command = option(command)
    return command

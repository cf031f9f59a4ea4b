"""From the id of a clicked menu row to what is asked for; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.model.config import ServerName
from core.model.intents import Intent, RestartServer, SetEnabled, Shutdown


class Verb(StrEnum):
    """The last part of a clickable row's id.

    The colon keeps verbs apart from server names, which cannot hold one.
    """

    RESTART = ":restart"
    ENABLE = ":enable"
    DISABLE = ":disable"
    VIEW_LOG = ":view-log"
    OPEN_CONFIG = ":open-config"
    HELP = ":help"
    COPY_ENDPOINT = ":copy-endpoint"
    QUIT = ":quit"


@dataclass(frozen=True, slots=True)
class OpenLog:
    """Open the server's log in whatever this desktop opens text files with."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class OpenConfig:
    """Open the config file."""


@dataclass(frozen=True, slots=True)
class OpenHelp:
    """Open the page that explains the server's fault."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class CopyEndpoint:
    """Put the endpoint's URL on the clipboard."""


LocalCommand = OpenLog | OpenConfig | OpenHelp | CopyEndpoint
Command = Intent | LocalCommand


def command_of(row_id: str) -> Command | None:
    """What a click on the row asks for; None for rows that only say something."""
    *path, last = row_id.split("/")
    name = ServerName(path[-1]) if path else ServerName("")
    match last:
        case Verb.RESTART:
            return RestartServer(name)
        case Verb.ENABLE:
            return SetEnabled(name, True)
        case Verb.DISABLE:
            return SetEnabled(name, False)
        case Verb.VIEW_LOG:
            return OpenLog(name)
        case Verb.OPEN_CONFIG:
            return OpenConfig()
        case Verb.HELP:
            return OpenHelp(name)
        case Verb.COPY_ENDPOINT:
            return CopyEndpoint()
        case Verb.QUIT:
            return Shutdown()
        case _:
            return None

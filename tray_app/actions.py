"""From the id of a clicked menu row to what is asked for; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.model.config import ServerName
from core.model.intents import (
    ApproveServer,
    Intent,
    PauseAll,
    RestartServer,
    RestoreConfig,
    SetEnabled,
    Shutdown,
)


class Verb(StrEnum):
    """The last part of a clickable row's id.

    The colon keeps verbs apart from server names, which cannot hold one.
    """

    RESTART = ":restart"
    ENABLE = ":enable"
    DISABLE = ":disable"
    VIEW_LOG = ":view-log"
    OPEN_CONFIG = ":open-config"
    RESTORE_CONFIG = ":restore-config"
    REVIEW = ":review"
    APPROVE = ":approve"  # followed by = and the hash of what was shown
    HELP = ":help"
    COPY_ENDPOINT = ":copy-endpoint"
    CONNECT = ":connect"
    DISCONNECT = ":disconnect"
    IMPORT = ":import"
    PAUSE = ":pause"
    RESUME = ":resume"
    SNOOZE = ":snooze"  # followed by = and minutes; 0 ends it
    SAVE_REPORT = ":save-report"
    OPEN_LOGS = ":open-logs"
    START_AT_LOGIN = ":start-at-login"
    NOT_AT_LOGIN = ":not-at-login"
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


@dataclass(frozen=True, slots=True)
class OpenReview:
    """Show what waits for approval at the server, with what changed and what is suspicious."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class ConnectApp:
    """Put our entry into the config file of an AI client, or take it out."""

    client: str
    connected: bool


@dataclass(frozen=True, slots=True)
class ImportServers:
    """Take over what AI clients here have; it waits for approval."""


@dataclass(frozen=True, slots=True)
class Snooze:
    """Show no notification for so many minutes; none ends it."""

    minutes: int


@dataclass(frozen=True, slots=True)
class SaveReport:
    """Write a report for a bug tracker, and show where it is."""


@dataclass(frozen=True, slots=True)
class OpenLogs:
    """Open the directory of all logs."""


@dataclass(frozen=True, slots=True)
class StartAtLogin:
    """Start with the desktop session, or no longer."""

    on: bool


LocalCommand = (
    OpenLog
    | OpenConfig
    | OpenHelp
    | OpenReview
    | CopyEndpoint
    | ConnectApp
    | ImportServers
    | Snooze
    | SaveReport
    | OpenLogs
    | StartAtLogin
)
Command = Intent | LocalCommand


def command_of(row_id: str) -> Command | None:
    """What a click on the row asks for; None for rows that only say something."""
    *path, last = row_id.split("/")
    name = ServerName(path[-1]) if path else ServerName("")
    verb, _, seen = last.partition("=")
    if verb == Verb.APPROVE:
        return ApproveServer(name, seen)
    if verb == Verb.SNOOZE:
        return Snooze(int(seen))
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
        case Verb.RESTORE_CONFIG:
            return RestoreConfig()
        case Verb.REVIEW:
            return OpenReview(name)
        case Verb.HELP:
            return OpenHelp(name)
        case Verb.COPY_ENDPOINT:
            return CopyEndpoint()
        case Verb.CONNECT | Verb.DISCONNECT:
            return ConnectApp(path[-1], last == Verb.CONNECT)
        case Verb.IMPORT:
            return ImportServers()
        case Verb.PAUSE | Verb.RESUME:
            return PauseAll(last == Verb.PAUSE)
        case Verb.SAVE_REPORT:
            return SaveReport()
        case Verb.OPEN_LOGS:
            return OpenLogs()
        case Verb.START_AT_LOGIN | Verb.NOT_AT_LOGIN:
            return StartAtLogin(last == Verb.START_AT_LOGIN)
        case Verb.QUIT:
            return Shutdown()
        case _:
            return None

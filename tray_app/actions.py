"""From the id of a clicked menu row to what is asked for; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from core.model.config import ServerName
from core.model.intents import (
    ApproveServer,
    ChangeServer,
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
    RESTART_ALL = ":restart-all"
    RETRY_ALL = ":retry-all"  # followed by = and the code of a fault
    ENABLE = ":enable"
    DISABLE = ":disable"
    TOOL_ON = ":tool-on"  # followed by = and the tool's name, percent-encoded
    TOOL_OFF = ":tool-off"  # likewise
    MORE_TIME = ":more-time"  # followed by = and seconds
    VIEW_LOG = ":view-log"
    SHOW_PROGRAM = ":show-program"
    OPEN_CONFIG = ":open-config"  # may be followed by = and a line
    RESTORE_CONFIG = ":restore-config"
    OPEN_DASHBOARD = ":open-dashboard"
    OPEN_DETAILS = ":open-details"
    ADD_SERVER = ":add-server"
    OPEN_DATA = ":open-data"
    REVIEW = ":review"
    APPROVE = ":approve"  # followed by = and the hash of what was shown
    HELP = ":help"
    COPY_ENDPOINT = ":copy-endpoint"
    SIGN_IN = ":sign-in"
    COPY_SIGN_IN = ":copy-sign-in"
    CONNECT = ":connect"
    DISCONNECT = ":disconnect"
    UNDO = ":undo"
    SHOW_CHANGE = ":show-change"
    IMPORT = ":import"
    SHOW_IMPORT = ":show-import"
    PAUSE = ":pause"
    RESUME = ":resume"
    SNOOZE = ":snooze"  # followed by = and minutes; 0 ends it
    SHOW_PROBLEMS = ":show-problems"
    COPY_REPORT = ":copy-report"
    SAVE_REPORT = ":save-report"
    OPEN_LOGS = ":open-logs"
    CHECK_UPDATES = ":check-updates"
    COPY_UPDATE = ":copy-update"
    PUT_OFF_UPDATE = ":put-off-update"  # followed by = and the version
    START_AT_LOGIN = ":start-at-login"
    NOT_AT_LOGIN = ":not-at-login"
    QUIT = ":quit"


@dataclass(frozen=True, slots=True)
class OpenLog:
    """Open the server's log in whatever this desktop opens text files with."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class OpenConfig:
    """Open the config file, at a line if the person's editor can."""

    line: int | None = None


@dataclass(frozen=True, slots=True)
class OpenData:
    """Show the directory in which approvals and history are kept."""


@dataclass(frozen=True, slots=True)
class ShowProgram:
    """Show where the file is that the server's command means."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class SetTool:
    """Offer a tool of a server to AI clients, or no longer, by the server's config entry."""

    name: ServerName
    tool: str
    on: bool


@dataclass(frozen=True, slots=True)
class RestartAll:
    """Restart every server that can be, or only those that have a fault."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class OpenDashboard:
    """Open a page of the dashboard in the browser, such as ``/servers/NAME``; none is the first."""

    page: str = ""


@dataclass(frozen=True, slots=True)
class OpenHelp:
    """Open the page that explains the server's fault."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class CopyEndpoint:
    """Put the endpoint's URL on the clipboard."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Open the browser to sign in to the server."""

    name: ServerName


@dataclass(frozen=True, slots=True)
class CopySignIn:
    """Put the link to sign in to the server on the clipboard, for another browser."""

    name: ServerName


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
class UndoConnect:
    """Bring a client's file back as it was before we changed it."""

    client: str


@dataclass(frozen=True, slots=True)
class ShowChange:
    """Show what connecting or disconnecting a client would change in its file."""

    client: str


@dataclass(frozen=True, slots=True)
class ImportServers:
    """Take over what one AI client here has, or all have (""); it waits for approval."""

    client: str = ""


@dataclass(frozen=True, slots=True)
class ShowImport:
    """Show what would be taken over from where, and why the rest would not."""


@dataclass(frozen=True, slots=True)
class Snooze:
    """Show no notification for so many minutes; none ends it."""

    minutes: int


@dataclass(frozen=True, slots=True)
class ShowProblems:
    """Show everything that is wrong, why, and what to do."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """Put on the clipboard what is wrong, and with which version on which system."""


@dataclass(frozen=True, slots=True)
class SaveReport:
    """Write a report for a bug tracker, and show where it is."""


@dataclass(frozen=True, slots=True)
class OpenLogs:
    """Open the directory of all logs."""


@dataclass(frozen=True, slots=True)
class CheckUpdates:
    """Ask whether there is a newer version."""


@dataclass(frozen=True, slots=True)
class CopyUpdate:
    """Put the command that brings the newer version on the clipboard."""


@dataclass(frozen=True, slots=True)
class PutOffUpdate:
    """Say no more of a newer version."""

    version: str


@dataclass(frozen=True, slots=True)
class StartAtLogin:
    """Start with the desktop session, or no longer."""

    on: bool


LocalCommand = (
    OpenLog
    | OpenConfig
    | OpenData
    | OpenDashboard
    | OpenHelp
    | OpenReview
    | ShowProgram
    | SetTool
    | RestartAll
    | CopyEndpoint
    | SignIn
    | CopySignIn
    | ConnectApp
    | UndoConnect
    | ShowChange
    | ImportServers
    | ShowImport
    | Snooze
    | ShowProblems
    | CopyReport
    | SaveReport
    | OpenLogs
    | CheckUpdates
    | CopyUpdate
    | PutOffUpdate
    | StartAtLogin
)
Command = Intent | LocalCommand


def command_of(row_id: str) -> Command | None:
    """What a click on the row asks for; None for rows that only say something."""
    *path, last = row_id.split("/")
    # Groups and submenus have colons, which no server and no client is called with.
    subject = next((part for part in reversed(path) if not part.startswith(":")), "")
    name = ServerName(subject)
    verb, _, said = last.partition("=")
    number = int(said) if said.isascii() and said.isdigit() else None
    match verb:
        case Verb.RESTART:
            return RestartServer(name)
        case Verb.RESTART_ALL:
            return RestartAll()
        case Verb.RETRY_ALL:
            return RestartAll(said)
        case Verb.ENABLE | Verb.DISABLE:
            return SetEnabled(name, verb == Verb.ENABLE)
        case Verb.TOOL_ON | Verb.TOOL_OFF:
            return SetTool(name, unquote(said), verb == Verb.TOOL_ON)
        case Verb.MORE_TIME if number is not None:
            return ChangeServer(name, {"init_timeout": f"{number}s"})
        case Verb.VIEW_LOG:
            return OpenLog(name)
        case Verb.SHOW_PROGRAM:
            return ShowProgram(name)
        case Verb.OPEN_CONFIG:
            return OpenConfig(number)
        case Verb.RESTORE_CONFIG:
            return RestoreConfig()
        case Verb.OPEN_DASHBOARD:
            return OpenDashboard()
        case Verb.OPEN_DETAILS:
            return OpenDashboard(f"/servers/{name}")
        case Verb.ADD_SERVER:
            return OpenDashboard("/add")
        case Verb.OPEN_DATA:
            return OpenData()
        case Verb.REVIEW:
            return OpenReview(name)
        case Verb.APPROVE:
            return ApproveServer(name, said)
        case Verb.HELP:
            return OpenHelp(name)
        case Verb.COPY_ENDPOINT:
            return CopyEndpoint()
        case Verb.SIGN_IN:
            return SignIn(name)
        case Verb.COPY_SIGN_IN:
            return CopySignIn(name)
        case Verb.CONNECT | Verb.DISCONNECT:
            return ConnectApp(subject, verb == Verb.CONNECT)
        case Verb.UNDO:
            return UndoConnect(subject)
        case Verb.SHOW_CHANGE:
            return ShowChange(subject)
        case Verb.IMPORT:
            return ImportServers(said)
        case Verb.SHOW_IMPORT:
            return ShowImport()
        case Verb.PAUSE | Verb.RESUME:
            return PauseAll(verb == Verb.PAUSE)
        case Verb.SNOOZE if number is not None:
            return Snooze(number)
        case Verb.SHOW_PROBLEMS:
            return ShowProblems()
        case Verb.COPY_REPORT:
            return CopyReport()
        case Verb.SAVE_REPORT:
            return SaveReport()
        case Verb.OPEN_LOGS:
            return OpenLogs()
        case Verb.CHECK_UPDATES:
            return CheckUpdates()
        case Verb.COPY_UPDATE:
            return CopyUpdate()
        case Verb.PUT_OFF_UPDATE:
            return PutOffUpdate(said)
        case Verb.START_AT_LOGIN | Verb.NOT_AT_LOGIN:
            return StartAtLogin(verb == Verb.START_AT_LOGIN)
        case Verb.QUIT:
            return Shutdown()
        case _:
            return None

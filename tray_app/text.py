"""Every sentence a person sees in the tray, so that words can change without touching logic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from tray_app.printable import printable

APP = "MCP Proxy"
NEEDS_ATTENTION = "Needs attention"
RESTART = "Restart"
RETRY_NOW = "Retry now"
ENABLE = "Enable"
DISABLE = "Disable"
VIEW_LOG = "View log"
OPEN_CONFIG = "Open the config file"
OPEN_DASHBOARD = "Open dashboard"
OPEN_DETAILS = "Open details"
ADD_SERVER = "Add server…"
DASHBOARD_FAILED = "The dashboard could not be opened"
RESTORE_CONFIG = "Restore the last good settings"
COPY_ENDPOINT = "Copy endpoint URL"
SIGN_IN = "Sign in"
COPY_SIGN_IN = "Copy the sign-in link"
REVIEW = "Review what waits"
APPROVALS_LOST = "What you had approved was lost"
REVIEW_FAILED = "What waits could not be shown"
APPROVE_SERVER = "Approve this server"
SHOW_PROGRAM = "Show the file"
RETRY_ALL = "Retry all now"
NO_CONTAINER_ENGINE = "what runs containers is not running"
NO_NETWORK = "their hosts are not found, the network may be away"
OPEN_DATA = "Show where they are kept"
RESTART_ALL = "Restart all servers"
SHOW_PROBLEMS = "Show what is wrong"
COPY_REPORT = "Copy report"
TOOLS = "Tools"
NAMELESS = "(nothing that can be shown)"
TOO_MANY_TOOLS = "More tools than fit this menu; the dashboard has them all"
HOW_TO_SET = "How to give the missing value"

LABEL_LIMIT = 100
"""Characters in a menu line; longer ones make the menu wider than small screens."""


def approve_tools(count: int) -> str:
    return "Approve this tool" if count == 1 else f"Approve these {count} tools"


def waiting_tool(name: str, changed: bool) -> str:
    return one_line(f"{name} - changed" if changed else f"{name} - new")


def more_tools(count: int) -> str:
    return f"and {count} more tools"


def storage_problem(problem: str) -> str:
    return one_line(f"Approvals and history are not saved: {problem}")


def what_means(code: str) -> str:
    """``code``: a fault code, as logs and metrics have it too."""
    return f"What {code} means"


def one_line(words: str, limit: int = LABEL_LIMIT) -> str:
    """The words on one line, cut with an ellipsis beyond ``limit`` characters."""
    flat = printable(" ".join(words.split()))
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def headline(words: str) -> str:
    return f"{APP} - {words}"


def config_problem(problem: str) -> str:
    return one_line(f"Config not applied, the previous one stays active: {problem}")


def next_try(at: datetime, zone: tzinfo | None) -> str:
    """The moment as a clock reads it in ``zone`` (None: this computer's)."""
    return f"next try {at.astimezone(zone):%H:%M:%S}"


def server_line(name: str, summary: str, detail: str = "", extra: str = "") -> str:
    words = f"{name} - {summary}"
    if extra:
        words += f", {extra}"
    if detail:
        words += f": {detail}"
    return one_line(words)


def shared_cause(count: int, cause: str) -> str:
    return f"{count} servers wait: {cause}"


def more_in_servers(count: int) -> str:
    return f"and {count} more under Servers"


def servers(count: int) -> str:
    return f"Servers ({count})"


def group(first: str, last: str, count: int) -> str:
    return f"{first} to {last} ({count})"


def open_config_at(line: int) -> str:
    return f"Open the config file at line {line}"


def more_time(minutes: int) -> str:
    return f"Give it {minutes} minutes to start"


def tools(offered: int, count: int) -> str:
    """How many of a server's tools AI clients may use."""
    return f"{TOOLS} {offered}/{count}"


def tool(name: str, waits: bool) -> str:
    shown = one_line(name) or NAMELESS
    return one_line(f"{shown} - waits for approval" if waits else shown)


def version(number: str) -> str:
    return f"Version {number}"


QUIT_NOW = "Quit now, without waiting"


CHECK_UPDATES = "Check for updates"
COPY_UPDATE = "Copy the command that updates"


def update_available(version: str) -> str:
    return f"Update available: {version}"


def put_off_update(version: str) -> str:
    return f"Do not mention {version} again"


def quit_label(running: int) -> str:
    if running == 0:
        return "Quit"
    return "Quit (stops 1 server)" if running == 1 else f"Quit (stops {running} servers)"


PAUSE_ALL = "Pause all"
RESUME_ALL = "Resume all"
DIAGNOSTICS = "Diagnostics"
SAVE_REPORT = "Save a report"
OPEN_LOGS = "Open the logs"
START_AT_LOGIN = "Start at login"
SNOOZE = "Snooze notifications"
END_SNOOZE = "Show them again"


def snoozed_until(at: datetime, zone: tzinfo | None) -> str:
    return f"Notifications snoozed until {at.astimezone(zone):%H:%M}"


def minutes(count: int) -> str:
    if count < 60:
        return f"For {count} minutes"
    return "For 1 hour" if count == 60 else f"For {count // 60} hours"


RECENT_CALLS = "Recent calls"
NO_CALLS = "None yet"


def call(worked: bool, tool: str, at: datetime, zone: tzinfo | None) -> str:
    """A sign that says by its shape how it went, the tool, and when."""
    return one_line(f"{'✓' if worked else '✗'} {tool}, {at.astimezone(zone):%H:%M:%S}")


def connected_apps(titles: Sequence[str]) -> str:
    return one_line(f"Connected apps: {', '.join(titles)}" if titles else "Connect an AI client")


SHOW_CHANGE = "Show what would change"
CONNECT = "Connect"
DISCONNECT = "Disconnect"
UNDO = "Undo: bring its file back as it was"


def app_connected(title: str) -> str:
    return one_line(f"{title} - connected")


def app_lost(title: str) -> str:
    return one_line(f"{title} - our entry was taken out")


def unreadable_app(title: str, why: str) -> str:
    return one_line(f"{title} - its settings cannot be read: {why}")


def count_servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


SHOW_IMPORT = "Show what would be taken over"


def take_over(count: int) -> str:
    return f"Take over {count_servers(count)} of your AI clients"


def take_over_from(count: int, title: str) -> str:
    return one_line(f"Take over {count_servers(count)} from {title}")


def take_over_all(count: int) -> str:
    return f"Take over all {count}"


def taken_over(why_plain: str) -> str:
    """``why_plain``: why their secrets are not in the keyring; empty if they are, or if none."""
    done = "The servers were taken over. They wait for your approval."
    if not why_plain:
        return done
    why = why_plain.partition(". ")[0].rstrip(".")
    return f"{done} Their secrets are in the config file, in plain text: {why}."


def client_changed(title: str, connected: bool, file: str) -> str:
    what = "connected" if connected else "disconnected"
    return f"{title} is {what}. It reads {file} at its next start."


def client_restored(title: str, file: str) -> str:
    return f"{file} is as it was before {title} was connected."


def many_need_you(count: int) -> str:
    return f"{count} servers need you"


LEAVE = "Quit (servers run on)"


def connecting_to(url: str) -> str:
    return f"connecting to {url}"


def no_answer_from(url: str) -> str:
    return f"nothing answers at {url}"


def key_refused_by(url: str) -> str:
    return f"the engine at {url} refuses our key; set MCPPROXY_API_KEY to its api_key"


def no_engine_at(url: str) -> str:
    return f"what answers at {url} is no engine of MCP Proxy Tray"


def no_bus(reason: str) -> str:
    return (
        f"No tray icon: the desktop's message bus cannot be reached ({reason}). "
        "The servers run on; the icon appears once a desktop session's bus answers "
        "at DBUS_SESSION_BUS_ADDRESS."
    )


def no_host(desktop: str) -> str:
    """``desktop``: what XDG_CURRENT_DESKTOP says, such as ``ubuntu:GNOME``."""
    if "GNOME" in desktop.upper().split(":"):
        fix = (
            "GNOME shows tray icons only with the extension "
            "'AppIndicator and KStatusNotifierItem Support'; install and enable it."
        )
    else:
        fix = "Add a tray (status notifier) area to your panel."
    return f"No tray icon: this desktop has nothing that shows one. {fix} The servers run on."


ICON_SHOWN = "The tray icon is shown."


def refused_by_host(reason: str) -> str:
    return f"No tray icon: the panel refused it ({reason}). The servers run on."


ALREADY_RUNNING = "MCP Proxy is already running. Its icon is in the tray."
ACTION_FAILED = "That did not work"
COPY_FAILED = "The endpoint URL could not be copied"
SIGN_IN_FAILED = "Not signed in"


def copy_by_hand(url: str, reason: str) -> str:
    return f"{reason} The URL is {url}"


def url_copied(url: str) -> str:
    return f"{url} is on the clipboard."


def type_by_hand(command: str, reason: str) -> str:
    return f"{reason} The command is: {command}"


NO_CLIPBOARD_TOOL = "No clipboard program was found; install wl-clipboard, xclip or xsel."
NO_ENDPOINT = "There is no endpoint URL yet; the engine is not listening."


def tool_failed(tool: str, reason: str) -> str:
    return f"{tool} failed: {reason}."


def exit_status(code: int) -> str:
    return f"exit status {code}"


NO_ANSWER = "it did not finish in time"


def no_log_yet(path: str) -> str:
    return f"This server has not written a log yet. It will be {path}"


def no_such_file(path: str) -> str:
    return f"There is no file {path}"


def no_browser(reason: str) -> str:
    return f"The browser could not be opened. {reason} “{COPY_SIGN_IN}” is for another one."


def open_by_hand(path: str, reason: str) -> str:
    return f"{reason} The file is {path}"


def open_url_by_hand(url: str, reason: str) -> str:
    return f"{reason} Open this in your browser within a minute: {url}"


def dashboard_opened(url: str) -> str:
    return f"The dashboard opens in your browser. If it does not, within a minute: {url}"


NO_LINK = "There is no link to open."
NO_OPENER = "Nothing was found that opens files and addresses; install xdg-utils."


NOT_CARRIED_OUT = "The request could not be carried out; see the log."
ONLY_THERE = "This can only be done where the engine runs."

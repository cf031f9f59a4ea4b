"""What a person is told about something they did, or that happened beside the servers.

The menu's own words, and those of failures, are in ``text``.
"""

from __future__ import annotations

from tray_app.text import count_servers, one_line

RUNNING = "MCP Proxy is running"
WITHOUT_ICON = "“mcpproxy-tray dashboard” shows everything in the browser."


def welcome(importable: int) -> str:
    words = "Its icon is in the tray; a right click opens the menu, where AI clients are connected."
    if not importable:
        return words
    return f"{words} {count_servers(importable)} of theirs can be taken over."


IS_BACK = "MCP Proxy is back"
WAS_CUT_SHORT = "It was ended in the middle of its work, and has started its servers again."
STARTS_AT_LOGIN = "MCP Proxy starts at login from now on."


def preview(title: str, file: str, diff: str, verb: str) -> str:
    """A page for a person; ``verb`` is the menu's."""
    if not diff:
        return f"There is nothing to change in {file}.\n"
    return (
        f"“{verb}” under {title} in the menu would change {file} as follows.\n"
        "Lines that begin with + would be added, those with - taken out.\n\n"
        f"{diff}\n\nNothing has been changed yet.\n"
    )


NOTHING_TO_IMPORT = "There is nothing to take over."
IMPORT_PAGE = """\
What your AI clients have, and what would become of it. Their own files stay as they are.
What is taken over does not run before you approve it. Their secrets go into your
keyring if it can be used, else into the config file.
"""


def no_longer_there(name: str) -> str:
    return f"{name} is no longer in the config file."


def fault_is_over(name: str) -> str:
    return f"{name} has no fault any more."


def started(name: str) -> str:
    return f"{name} is ready."


def all_started(count: int) -> str:
    return f"All {count} servers are ready."


def not_started(name: str) -> str:
    return one_line(f"{name} could not be started")


def some_not_started(failed: int, count: int) -> str:
    return f"{failed} of {count} servers could not be started"


REPORT_COPIED = "The report is on the clipboard. Look through it before you send it."


def report_saved(file: str) -> str:
    return f"The report is {file}. Look through it before you send it."


SIGN_IN_COPIED = "The sign-in link is on the clipboard. It is good for five minutes."
COMMAND_COPIED = "The command is on the clipboard. Quit and start MCP Proxy after it has run."


def newer_version(version: str, command: str) -> str:
    return f"Version {version} is there. Get it with: {command}"


def newest_version(version: str) -> str:
    return f"Version {version} is the newest."

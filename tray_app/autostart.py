"""Starting at login: the one file or entry that each system looks at, and nothing beside it.

Whether it is on is always read from that very place, where other programs change it too.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from core.errors import McpProxyError

APP_ID = "mcpproxy-tray"
LABEL = "io.github.mcpproxy-tray"  # macOS names agents like that
TITLE = "MCP Proxy Tray"


class AutostartProblem(McpProxyError):
    """The system does not let us change what starts at login."""


class Autostart(Protocol):
    """What starts at login on one system; everything blocks."""

    @property
    def place(self) -> str:
        """Where it is written down, for a person."""

    def is_on(self) -> bool: ...

    def program(self) -> str | None:
        """The program that is started; None when it is off or cannot be told."""

    def turn_on(self, command: Sequence[str]) -> None:
        """Start ``command`` at each login. Raises OSError."""

    def turn_off(self) -> None:
        """Leave nothing behind. Raises OSError."""


class DesktopEntry:
    """Linux and other free desktops (XDG Desktop Application Autostart Specification 0.5)."""

    def __init__(self, config_home: Path) -> None:
        self._file = config_home / "autostart" / f"{APP_ID}.desktop"

    @property
    def place(self) -> str:
        return str(self._file)

    def is_on(self) -> bool:
        values = self._values()
        # Desktops' own settings turn an entry off by one of these instead of removing it.
        hidden = values.get("Hidden", "").strip() == "true"
        disabled = values.get("X-GNOME-Autostart-enabled", "").strip() == "false"
        return "Exec" in values and not hidden and not disabled

    def program(self) -> str | None:
        tried = self._values().get("TryExec", "").strip().replace("\\\\", "\\")
        return tried or None if self.is_on() else None

    def _values(self) -> Mapping[str, str]:
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def turn_on(self, command: Sequence[str]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            "[Desktop Entry]",
            "Type=Application",
            f"Name={TITLE}",
            "Comment=Keeps MCP servers running",
            f"Exec={' '.join(map(_quoted, command))}",
            "TryExec=" + command[0].replace("\\", "\\\\"),  # nothing is tried once it is gone
            "Terminal=false",
            "X-GNOME-Autostart-enabled=true",
        )
        _write(self._file, "\n".join(lines) + "\n")

    def turn_off(self) -> None:
        self._file.unlink(missing_ok=True)


class LaunchAgent:
    """macOS (launchd.plist(5))."""

    def __init__(self, home: Path) -> None:
        self._file = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    @property
    def place(self) -> str:
        return str(self._file)

    def is_on(self) -> bool:
        agent = self._agent()
        return bool(agent.get("RunAtLoad")) and not agent.get("Disabled")

    def program(self) -> str | None:
        words = self._agent().get("ProgramArguments")
        return str(words[0]) if isinstance(words, list) and words and self.is_on() else None

    def _agent(self) -> Mapping[str, object]:
        import plistlib

        try:
            agent = plistlib.loads(self._file.read_bytes())
        except (OSError, plistlib.InvalidFileException, ValueError):
            return {}
        return agent if isinstance(agent, dict) else {}

    def turn_on(self, command: Sequence[str]) -> None:
        import plistlib

        agent = {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "ProcessType": "Interactive",
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        _write(self._file, plistlib.dumps(agent).decode())

    def turn_off(self) -> None:
        self._file.unlink(missing_ok=True)


if sys.platform == "win32":
    import subprocess
    import winreg

    CURRENT = r"Software\Microsoft\Windows\CurrentVersion"
    RUN = rf"{CURRENT}\Run"
    APPROVED = rf"{CURRENT}\Explorer\StartupApproved\Run"
    """Of the Task Manager and the Settings: what they turned off has an odd first byte there."""

    class RunKey:
        """Windows: a value of the person's own ``Run`` key."""

        place = rf"HKEY_CURRENT_USER\{RUN}\{TITLE}"

        def is_on(self) -> bool:
            return self._value(RUN) is not None and not self._is_turned_off()

        def program(self) -> str | None:
            line = self._value(RUN)
            if not isinstance(line, str) or not self.is_on():
                return None
            first = line[1:].partition('"') if line.startswith('"') else line.partition(" ")
            return first[0]

        def turn_on(self, command: Sequence[str]) -> None:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN) as key:
                line = subprocess.list2cmdline(command)
                winreg.SetValueEx(key, TITLE, 0, winreg.REG_SZ, line)
            self._forget(APPROVED)

        def turn_off(self) -> None:
            self._forget(RUN)
            self._forget(APPROVED)

        def _is_turned_off(self) -> bool:
            word = self._value(APPROVED)
            return isinstance(word, bytes) and bool(word) and bool(word[0] & 1)

        def _value(self, path: str) -> object:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as key:
                    return winreg.QueryValueEx(key, TITLE)[0]
            except FileNotFoundError:
                return None

        def _forget(self, path: str) -> None:
            try:
                with winreg.OpenKey(
                    winreg.HKEY_CURRENT_USER, path, access=winreg.KEY_SET_VALUE
                ) as key:
                    winreg.DeleteValue(key, TITLE)
            except FileNotFoundError:
                return


def here(home: Path, environ: Mapping[str, str]) -> Autostart:
    """The one for this system."""
    if sys.platform == "win32":
        return RunKey()
    if sys.platform == "darwin":
        return LaunchAgent(home)
    return DesktopEntry(Path(environ.get("XDG_CONFIG_HOME") or home / ".config"))


def switch(autostart: Autostart, on: bool, command: Sequence[str]) -> None:
    """Turn it on or off. Raises AutostartProblem."""
    try:
        if on:
            autostart.turn_on(command)
        else:
            autostart.turn_off()
    except OSError as error:
        raise AutostartProblem(
            f"{autostart.place} cannot be changed: {error.strerror}. Nothing was changed."
        ) from error


def _quoted(argument: str) -> str:
    """As an Exec key wants it (Desktop Entry Specification 1.5, "The Exec key")."""
    if argument == shlex.quote(argument) and "%" not in argument:
        return argument
    escaped = argument.replace("%", "%%")
    for special in ("\\", '"', "`", "$"):
        escaped = escaped.replace(special, f"\\{special}")
    return '"{}"'.format(escaped.replace("\\", "\\\\"))


def _write(path: Path, text: str) -> None:
    """In one step, so that no login sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)

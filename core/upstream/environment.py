"""What a child process gets to see: an allow-list of our variables, and its own.

An allow-list, because a deny-list always misses one: a server must not see our key, other
servers' values, or variables that change how programs are loaded.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.model.config import EnvironmentPolicy, Setting, Stdio
from core.model.references import KEYRING, Reference, references
from core.upstream.process_tree import Tree
from core.upstream.values import Values, resolve

SAFE = frozenset(
    {
        *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS"),
        *("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"),
        # Windows programs do not start without these
        *("APPDATA", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATHEXT"),
        *("PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "SYSTEMDRIVE", "SYSTEMROOT"),
        *("TEMP", "TMP", "USERNAME", "USERPROFILE", "WINDIR"),
    }
)
SHELL_LIMIT = 5.0  # seconds a login shell gets to tell its PATH

_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)
_SECRET_LENGTH = 6  # shorter values would blot out ordinary words

log = logging.getLogger(__name__)


def child_environment(
    transport: Stdio, policy: EnvironmentPolicy, values: Values, path: str
) -> dict[str, str]:
    """The whole environment of one child; later sources win. Raises MissingSecret."""
    names = set(policy.allowed_system_vars)
    child: dict[str, str] = {}
    for name, value in values.environ.items():
        safe = name.upper() in SAFE or name.startswith("LC_")
        if (policy.inherit_system_safe and safe) or name in names:
            child[name] = value
    child["PATH"] = path
    for setting in (*policy.custom_vars, *transport.env):
        child[setting.name] = resolve(setting.value, values)
    return child


def secrets_of(
    settings: Iterable[Setting], words: Iterable[str], values: Values
) -> tuple[str, ...]:
    """Values that must not appear in logs or messages, longest first.

    Those of settings that are named like a secret or refer to one, and what the ``words`` of a
    command line refer to; but not the variables every program sees, such as HOME.
    """
    found: set[str] = set()
    for setting in settings:
        referred = _referred_to(setting.value)
        found.update(map(values.of, referred))
        if referred or _SECRET_NAME.search(setting.name):
            found.add(resolve(setting.value, values))
    for word in words:
        found.update(map(values.of, _referred_to(word)))
    return tuple(sorted((v for v in found if len(v) >= _SECRET_LENGTH), key=len, reverse=True))


def _referred_to(text: str) -> list[Reference]:
    return [each for each in references(text) if each.where == KEYRING or each.name not in SAFE]


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret value blotted out."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


class SearchPath:
    """The PATH for children: ours, the login shell's, and where our own command lives.

    A desktop program is often started with a bare PATH, so that `npx` is not found although the
    person's terminal finds it. The login shell is asked once, when a child is first started.
    ``shell_answered`` tells, after that, whether it did.
    """

    def __init__(self, environ: Mapping[str, str], limit: float = SHELL_LIMIT) -> None:
        self._environ = environ
        self._limit = limit
        self._lock = asyncio.Lock()
        self._path: str | None = None
        self.shell_answered = False

    async def get(self) -> str:
        async with self._lock:  # the first few servers ask at the same moment
            if self._path is None:
                shell = await asyncio.to_thread(_login_shell_path, self._environ, self._limit)
                self.shell_answered = bool(shell)
                own = str(Path(sys.executable).parent)
                self._path = merged(self._environ.get("PATH", os.defpath), shell, own)
        return self._path


def merged(*paths: str) -> str:
    """All directories of all paths, each once, first come first."""
    entries = (entry for path in paths for entry in path.split(os.pathsep))
    return os.pathsep.join(dict.fromkeys(entry for entry in entries if entry))


def _login_shell_path(environ: Mapping[str, str], limit: float) -> str:
    """What PATH is in the person's terminal; empty when it cannot be learnt."""
    shell = environ.get("SHELL", "")
    if sys.platform == "win32" or not shell:
        return ""
    mark = "mcpproxy-path:"
    try:
        process = subprocess.Popen(
            [shell, "-ilc", f'printf "\\n{mark}%s\\n" "$PATH"'],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        log.warning("login shell not asked", extra={"fields": {"shell": shell, "why": str(error)}})
        return ""
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        # Some wait for a person, others for a daemon that holds their output. What was said
        # counts all the same; what its start files started must not stay.
        Tree(process).close()
        output, _ = process.communicate()
        log.warning("login shell ended after its limit", extra={"fields": {"shell": shell}})
    told = output.decode(errors="replace")
    lines = [line for line in told.splitlines() if line.startswith(mark)]
    return lines[-1].removeprefix(mark) if lines else ""

"""An AI client's server entries in our words: what can be taken over, and what cannot and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from core.clients.dialects import Dialect, Entry
from core.clients.plain_secrets import plain_secrets
from core.model.config import SERVER_NAME_PATTERN
from core.model.references import KEYRING, Reference

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_BARE_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
OUR_NAME = "mcpproxy"
_OUR_PROGRAM = "mcpproxy-tray"


class Outcome(StrEnum):
    """What becomes of an entry."""

    IMPORT = "import"
    DUPLICATE = "duplicate"
    NEEDS_VALUE = "needs value"
    UNSUPPORTED = "unsupported"
    OURSELVES = "ourselves"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry of a client's file. ``entry`` is ours, without its name; ``reason`` a sentence."""

    name: str
    outcome: Outcome
    reason: str = ""
    entry: Mapping[str, object] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = ()  # what in plain text looks secret, by name
    asks: tuple[str, ...] = ()  # secrets of the keyring that its entry needs and nobody gave yet


class _Problem(Exception):
    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def candidates(
    servers: Mapping[str, object],
    dialect: Dialect,
    known: Mapping[str, object],
    endpoint: str,
    environ: Mapping[str, str],
    asking: bool = False,
) -> list[Candidate]:
    """What could be taken over from ``servers``, in the file's order.

    ``known`` are our own entries by name, ``endpoint`` our address: an entry that leads to us
    would be a loop. With ``asking``, a value that only the client has becomes a secret of the
    keyring that a person has to give; else its entry cannot be had.
    """
    taken = {name.lower() for name in known}
    identities = {identity(entry) for entry in known.values() if isinstance(entry, dict)}
    found = []
    for label, raw in servers.items():
        name = _unique(label, taken)
        wanted = _Wanted(name) if asking else _refuse
        try:
            if not isinstance(raw, dict):
                raise _Problem(Outcome.UNSUPPORTED, "it is no object")
            entry = _translated(raw, dialect, environ, wanted)
            if _is_ours(entry, endpoint):
                raise _Problem(Outcome.OURSELVES, "it leads to this program")
            if identity(entry) in identities:
                raise _Problem(Outcome.DUPLICATE, "the same server is there already")
        except _Problem as problem:
            found.append(Candidate(label, problem.outcome, str(problem)))
            continue
        identities.add(identity(entry))
        taken.add(name.lower())
        reason = "" if name == label else f"named {name} here"
        secrets = tuple(dict.fromkeys(secret.name for secret in plain_secrets(entry)))
        asks = tuple(wanted.asks) if isinstance(wanted, _Wanted) else ()
        found.append(Candidate(name, Outcome.IMPORT, reason, entry, secrets, asks))
    return found


Wanted = Callable[[str, str], str]
"""From what only the client has, and why that is so, to what stands in its place."""


def _refuse(what: str, why: str) -> str:
    raise _Problem(Outcome.NEEDS_VALUE, f"{why}: {what}")


class _Wanted:
    """A secret of the keyring for each thing that only the client has."""

    def __init__(self, server: str) -> None:
        self.asks: list[str] = []
        self._server = server

    def __call__(self, what: str, why: str) -> str:
        secret = f"{self._server}.{_UNFIT.sub('-', what)}"[:128]
        if secret not in self.asks:
            self.asks.append(secret)
        return str(Reference(KEYRING, secret))


def identity(entry: Entry) -> tuple[object, ...]:
    """What makes two entries the same server, however it is called and configured."""
    if entry.get("url"):
        return ("url", str(entry["url"]).rstrip("/"))
    return ("command", entry.get("command"), *_texts(entry.get("args")))


def leads_to(entry: Entry, dialect: Dialect, endpoint: str) -> bool:
    """Whether a client's entry leads to us."""
    try:
        return _is_ours(_translated(entry, dialect, {}, _refuse), endpoint)
    except _Problem:
        return False


def _translated(
    raw: Entry, dialect: Dialect, environ: Mapping[str, str], wanted: Wanted
) -> dict[str, object]:
    if raw.get("bundled") or raw.get("type") in ("builtin", "platform", "frontend"):
        raise _Problem(Outcome.UNSUPPORTED, "it is a part of that client")

    def text(value: object) -> str:
        return _resolved(str(value), dialect, environ, wanted)

    entry: dict[str, object] = {}
    kind = str(raw.get(dialect.type) or "")
    url_key = next((key for key in dialect.urls if raw.get(key)), None)
    command = raw.get(dialect.command)
    elsewhere = [
        (name, why) for key, why in dialect.unreachable.items() for name in _texts(raw.get(key))
    ]
    if url_key is not None:
        for missing in elsewhere:
            _refuse(*missing)  # where in the request it belongs, the file does not say
        entry["url"] = text(raw[url_key])
        if not str(entry["url"]).startswith(("http://", "https://", "${")):
            raise _Problem(Outcome.UNSUPPORTED, "its address is no http(s) one")
        protocol = dialect.types.get(kind, dialect.urls[url_key])
        if protocol != "auto":
            entry["protocol"] = protocol
        headers = {name: text(value) for name, value in _table(raw.get(dialect.headers)).items()}
        headers |= _codex_headers(raw)
        if headers:
            entry["headers"] = headers
    elif command:
        # OpenCode writes the arguments into the command
        argv = _texts(command) if isinstance(command, list) else [str(command)]
        argv += _texts(raw.get(dialect.args))
        entry["command"] = text(argv[0])
        if argv[1:]:
            entry["args"] = [text(part) for part in argv[1:]]
        env = {name: text(value) for name, value in _table(raw.get(dialect.env)).items()}
        env |= {name: f"${{env:{name}}}" for name in _texts(raw.get("env_vars"))}
        env |= {name: wanted(name, why) for name, why in elsewhere}
        if env:
            entry["env"] = env
        cwd = next((raw[key] for key in dialect.cwd if raw.get(key)), None)
        if cwd is not None:
            entry["working_dir"] = text(cwd)
    else:
        raise _Problem(Outcome.UNSUPPORTED, "it has neither a command nor an address")
    for key, (ours, factor) in dialect.seconds.items():
        value = raw.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            entry[ours] = value * factor
    for key, ours in dialect.tools.items():
        if names := _texts(raw.get(key)):
            entry[ours] = names
    return entry


def _codex_headers(raw: Entry) -> dict[str, str]:
    """Codex names variables instead of values."""
    headers = {
        name: f"${{env:{variable}}}"
        for name, variable in _table(raw.get("env_http_headers")).items()
    }
    if variable := raw.get("bearer_token_env_var"):
        headers["Authorization"] = f"Bearer ${{env:{variable}}}"
    return headers


def _resolved(value: str, dialect: Dialect, environ: Mapping[str, str], wanted: Wanted) -> str:
    """A client's references to variables as ours; what only the client knows is a problem."""

    def ours(match: re.Match[str]) -> str:
        name, separator, default = match[1].partition(":-")
        name = name.removeprefix("env:")
        if name == "userHome" or match[1] == "HOME":
            return environ.get("HOME") or environ.get("USERPROFILE") or match[0]
        if name.startswith("input:"):
            return wanted(name.removeprefix("input:"), "its editor asks for this at each start")
        if not _NAME.fullmatch(name) or name in ("workspaceFolder", "workspaceFolderBasename"):
            raise _Problem(Outcome.UNSUPPORTED, f"{match[0]} is known only inside that client")
        if separator and name not in environ:
            return default
        return f"${{env:{name}}}"

    resolved = _VARIABLE.sub(ours, value)
    if dialect.bare_variables:
        resolved = _BARE_VARIABLE.sub(r"${env:\1}", resolved)
    return resolved


def _is_ours(entry: Entry, endpoint: str) -> bool:
    if command := entry.get("command"):
        words = [str(command), *_texts(entry.get("args"))]
        programs = {re.split(r"[/\\]", word)[-1].removesuffix(".exe") for word in words}
        return _OUR_PROGRAM in programs or any(_same_place(word, endpoint) for word in words)
    return _same_place(str(entry.get("url")), endpoint)


def _same_place(url: str, endpoint: str) -> bool:
    """Whether an address is ours; loopback has several names."""
    try:
        there, here = urlsplit(url), urlsplit(endpoint)
        there_port, here_port = there.port, here.port
    except ValueError:
        return False
    if there.scheme not in ("http", "https") or there_port != here_port or here_port is None:
        return False
    loopback = {"localhost", "127.0.0.1", "::1"}
    same_host = there.hostname == here.hostname or {there.hostname, here.hostname} <= loopback
    return same_host and (there.path or "/").startswith("/mcp")


def _unique(label: str, taken: set[str]) -> str:
    """A name of ours for theirs: allowed characters, and not taken."""
    base = _UNFIT.sub("-", label).strip("-.")[:64] or "server"
    assert SERVER_NAME_PATTERN.fullmatch(base)
    name, number = base, 2
    while name.lower() in taken:
        suffix = f"-{number}"
        name = base[: 64 - len(suffix)] + suffix
        number += 1
    return name


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []

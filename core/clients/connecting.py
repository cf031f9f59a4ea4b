"""Adding ourselves to an AI client's config file, and taking that back to the byte.

Nothing is written that was not shown: a plan holds the very bytes, and is carried out only if
the file is still the one it was made for.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from core.clients.candidates import OUR_NAME, leads_to
from core.clients.catalogue import CLIENTS, Client
from core.clients.dialects import Dialect
from core.clients.formats import NotEditable, Values
from core.clients.places import Surroundings, existing, installed
from core.config import disk
from core.errors import McpProxyError

MASK = "********"

Change = Callable[[str, str], str]
"""From a text and the key under which servers stand to the changed text."""


class State(StrEnum):
    """How a client stands to us."""

    ABSENT = "not installed"
    CONNECTED = "connected"
    NOT_CONNECTED = "not connected"
    REMOVED = "removed"  # we were connected, and somebody took us out
    UNREADABLE = "unreadable"


class ClientProblem(McpProxyError):
    """A client's file cannot be used, or is not what it was."""


@dataclass(frozen=True, slots=True)
class Target:
    """What clients are told: our address, the key if one is needed, and the bridge program."""

    endpoint: str
    key: str = field(default="", repr=False)
    bridge: tuple[str, ...] = ("mcpproxy-tray", "stdio")


@dataclass(frozen=True, slots=True)
class ClientState:
    """A client, its file, and how it stands to us; ``why`` when the file cannot be read."""

    client: Client
    file: Path
    state: State
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One change of one file; ``diff`` is for a person, without our key."""

    client: Client
    file: Path
    before: bytes | None = field(repr=False)
    after: bytes | None = field(repr=False)
    diff: str

    @property
    def changes_nothing(self) -> bool:
        return self.before == self.after


class Connections:
    """All clients of one person. Everything here blocks, so call it off the loop.

    What a file was before we changed it is kept in ``backups``.
    """

    def __init__(self, surroundings: Surroundings, target: Target, backups: Path) -> None:
        self._surroundings = surroundings
        self._target = target
        self._backups = backups

    def states(self) -> Iterator[ClientState]:
        """Every client that we could connect."""
        return (self.state(client) for client in CLIENTS if client.connects)

    def state(self, client: Client) -> ClientState:
        file = self._file(client)
        try:
            text = _text(file)
            servers = client.format.read(text or "").get(client.key) or {}
        except (NotEditable, disk.NotAFile, OSError) as error:
            return ClientState(client, file, State.UNREADABLE, _reason(error))
        if isinstance(servers, dict) and self._ours(client, servers):
            return ClientState(client, file, State.CONNECTED)
        if self._record(client).is_file():
            return ClientState(client, file, State.REMOVED)
        here = text is not None or installed(client.files, self._surroundings)
        return ClientState(client, file, State.NOT_CONNECTED if here else State.ABSENT)

    def connect(self, client: Client) -> Plan:
        """The plan to add ourselves. Raises ClientProblem."""
        if not client.connects:
            raise ClientProblem(f"{client.title} is no AI client, so it cannot be connected.")
        entry = entry_for(self._target, client.dialect)
        return self._plan(client, lambda text, key: client.format.set(text, key, OUR_NAME, entry))

    def disconnect(self, client: Client) -> Plan:
        """The plan to take our entries out and leave everything else. Raises ClientProblem."""

        def without_us(text: str, key: str) -> str:
            servers = client.format.read(text).get(key)
            for name in self._ours(client, servers) if isinstance(servers, dict) else ():
                text = client.format.remove(text, key, name)
            return text

        return self._plan(client, without_us)

    def undo(self, client: Client) -> Plan:
        """The plan to bring back the very bytes from before. Raises ClientProblem."""
        record = self._record(client)
        try:
            kept = json.loads(record.read_text(encoding="utf-8"))
            before = None if kept["created"] else self._backup(client).read_bytes()
        except (OSError, ValueError, KeyError):
            raise ClientProblem(
                f"{client.title} was not changed by this program, so there is nothing to undo."
            ) from None
        file = Path(kept["file"])
        try:
            current = disk.read(file)
        except (disk.NotAFile, OSError) as error:
            raise ClientProblem(f"{file} cannot be read: {_reason(error)}.") from None
        if _digest(current) != kept["after"]:
            raise ClientProblem(
                f"{file} has been changed since, so it cannot be brought back as it was. "
                f"Take out only our entry with: mcpproxy-tray disconnect {client.id}"
            )
        return Plan(client, file, current, before, self._diff(file, current, before))

    def leave(self, client: Client) -> Plan:
        """The plan to bring the file back as it was or, where it was changed since or not by us,
        to take our entries out. Raises ClientProblem.
        """
        try:
            return self.undo(client)
        except ClientProblem:
            return self.disconnect(client)

    def carry_out(self, plan: Plan) -> None:
        """Do what the plan shows. Raises ClientProblem when that cannot be done any more."""
        if plan.changes_nothing:
            return
        try:
            if plan.after is None:
                self._delete(plan)
            else:
                self._keep(plan)
                disk.replace(plan.file, plan.after, plan.before, keep_previous=False)
        except disk.ChangedOnDisk:
            raise ClientProblem(
                f"{plan.file} was changed by another program just now. Nothing was written; "
                "look at the new preview and try again."
            ) from None
        except OSError as error:
            raise ClientProblem(
                f"{plan.file} cannot be written: {_reason(error)}. Nothing was changed."
            ) from None
        if not self._connected(plan):
            self._record(plan.client).unlink(missing_ok=True)
            self._backup(plan.client).unlink(missing_ok=True)

    # --- inside -------------------------------------------------------------------------------

    def _plan(self, client: Client, change: Change) -> Plan:
        file = self._file(client)
        try:
            before = _bytes(file)
            text = (before or b"").decode()
            after = change(text, client.key)
        except (NotEditable, disk.NotAFile, OSError, UnicodeDecodeError) as error:
            raise ClientProblem(
                f"The settings of {client.title} cannot be changed: {file}: {_reason(error)}."
            ) from None
        data = before if after == text else after.encode()
        return Plan(client, file, before, data, self._diff(file, before, data))

    def _keep(self, plan: Plan) -> None:
        """Remember what was there, unless what is there is our own last writing."""
        assert plan.after is not None
        with suppress(OSError, ValueError, KeyError):
            kept = json.loads(self._record(plan.client).read_text(encoding="utf-8"))
            if plan.before is not None and kept["after"] == _digest(plan.before):
                self._note(plan, created=kept["created"])
                return
        if plan.before is not None:
            _write(self._backup(plan.client), plan.before)
        self._note(plan, created=plan.before is None)

    def _note(self, plan: Plan, *, created: bool) -> None:
        assert plan.after is not None
        noted = {"file": str(plan.file), "after": _digest(plan.after), "created": created}
        _write(self._record(plan.client), json.dumps(noted).encode())

    def _delete(self, plan: Plan) -> None:
        if disk.read(plan.file) != plan.before:
            raise disk.ChangedOnDisk(str(plan.file))
        plan.file.unlink()

    def _connected(self, plan: Plan) -> bool:
        return self.state(plan.client).state is State.CONNECTED

    def _ours(self, client: Client, servers: Values) -> list[str]:
        """The names of a client's entries that lead to us."""
        return [
            name
            for name, entry in servers.items()
            if isinstance(entry, dict)
            and (name == OUR_NAME or leads_to(entry, client.dialect, self._target.endpoint))
        ]

    def _diff(self, file: Path, before: bytes | None, after: bytes | None) -> str:
        def lines(data: bytes | None) -> list[str]:
            text = (data or b"").decode(errors="replace")
            return (text.replace(self._target.key, MASK) if self._target.key else text).splitlines()

        return "\n".join(
            difflib.unified_diff(lines(before), lines(after), str(file), str(file), lineterm="")
        )

    def _file(self, client: Client) -> Path:
        return existing(client.files, self._surroundings)

    def _record(self, client: Client) -> Path:
        return self._backups / f"{client.id}.json"

    def _backup(self, client: Client) -> Path:
        return self._backups / f"{client.id}.before"


def entry_for(target: Target, dialect: Dialect) -> Values:
    """What a client has to be told in order to reach us."""
    if dialect.stdio_only:
        return {"command": target.bridge[0], "args": [*target.bridge[1:]]}
    entry: Values = {**dialect.connect, dialect.connect_url: target.endpoint}
    if target.key:
        entry[dialect.headers] = {"X-API-Key": target.key}
    return entry


def _bytes(file: Path) -> bytes | None:
    try:
        return disk.read(file)
    except FileNotFoundError:
        return None


def _text(file: Path) -> str | None:
    data = _bytes(file)
    try:
        return data.decode() if data is not None else None
    except UnicodeDecodeError as error:
        raise NotEditable("it is not UTF-8 text") from error


def _write(path: Path, data: bytes) -> None:
    disk.replace(path, data, _bytes(path), keep_previous=False)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)

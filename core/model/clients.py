"""AI clients' own config files as people look at them: where they are and what may be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Deed(StrEnum):
    """What can be done to a client's file."""

    CONNECT = "connect"  # add our entry
    DISCONNECT = "disconnect"  # bring back the file as it was, or else take our entry out
    UNDO = "undo"  # bring back the very bytes from before, or refuse


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A client, its file, how it stands to us, and why its file cannot be read, if so."""

    id: str
    title: str
    file: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """One change of a client's file; ``hash`` names exactly this, ``diff`` is without our key."""

    client: str
    title: str
    file: str
    diff: str
    hash: str
    changes_nothing: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a person should know before they let an entry run; of what is ``grave`` they must."""

    text: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A server that could be added. ``entry`` is ours, without its name; ``reason`` a sentence.

    ``secrets`` are the names of settings that look secret and stand there in plain text.
    """

    name: str
    outcome: str
    reason: str = ""
    entry: Mapping[str, object] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferedBy:
    """A client's file and the servers in it; ``why`` when it cannot be read."""

    client: str
    title: str
    file: str
    servers: tuple[Offered, ...] = ()
    why: str = ""

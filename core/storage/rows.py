"""Reading and writing approvals as rows; on the storage thread."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.storage.damage import Damaged

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class SeenTool:
    """A tool somebody agreed to, as it was."""

    name: str
    hash: str
    digest: bytes
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A server somebody agreed to, with some of its tools."""

    server: str
    launch: str
    consented: bool
    tools: tuple[SeenTool, ...]
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that is kept: (name, launch, consented), (name, launch, tool, hash, digest)."""

    servers: tuple[tuple[str, str, bool], ...] = ()
    tools: tuple[tuple[str, str, str, str, bytes], ...] = ()


def read(connection: sqlite3.Connection) -> Book:
    """Raises Damaged where a row is not as it was written."""
    known = []
    for name, launch, consented, seal in connection.execute(
        "SELECT name, launch, consented, seal FROM server"
    ):
        if seal != _seal(name, launch, consented):
            raise Damaged("a row is not as it was written")
        known.append((name, launch, bool(consented)))
    tools = connection.execute("SELECT server, launch, name, hash, digest FROM tool")
    return Book(tuple(known), tuple(tools))


def write(connection: sqlite3.Connection, batch: Iterable[Seen]) -> None:
    """Add to what is kept; a word once given to an entry stays."""
    now = time.time()
    for seen in batch:
        consented = connection.execute(
            "SELECT max(consented) FROM (SELECT consented FROM server WHERE name = ? AND launch = ?"
            " UNION SELECT ?)",
            (seen.server, seen.launch, int(seen.consented)),
        ).fetchone()[0]
        connection.execute(
            "INSERT OR REPLACE INTO server (name, launch, consented, seal, at)"
            " VALUES (?, ?, ?, ?, ?)",
            (seen.server, seen.launch, consented, _seal(seen.server, seen.launch, consented), now),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO tool"
            " (server, launch, name, hash, digest, raw, by_person, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(seen.server, seen.launch, tool.name, tool.hash, tool.digest, tool.raw),
                    *(seen.by_person, now),
                )
                for tool in seen.tools
            ],
        )


def raw_of(connection: sqlite3.Connection, server: str, launch: str, tool: str) -> bytes | None:
    """The tool as somebody agreed to it."""
    found = connection.execute(
        "SELECT raw FROM tool WHERE server = ? AND launch = ? AND name = ?",
        (server, launch, tool),
    ).fetchone()
    return bytes(found[0]) if found is not None else None


def _seal(*values: object) -> bytes:
    return hashlib.sha256(repr(values).encode()).digest()[:16]

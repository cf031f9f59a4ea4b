"""Reading and writing approvals as rows; on the storage thread."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    servers = connection.execute("SELECT name, launch, consented FROM server")
    known = tuple((name, launch, bool(consented)) for name, launch, consented in servers)
    tools = connection.execute("SELECT server, launch, name, hash, digest FROM tool")
    return Book(known, tuple(tools))


def write(connection: sqlite3.Connection, batch: Iterable[Seen]) -> None:
    """Add to what is kept; a word once given to an entry stays."""
    now = time.time()
    for seen in batch:
        connection.execute(
            "INSERT INTO server (name, launch, consented, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name, launch)"
            " DO UPDATE SET consented = max(consented, excluded.consented)",
            (seen.server, seen.launch, seen.consented, now),
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


def probe(connection: sqlite3.Connection) -> None:
    """Write something that changes nothing, to see whether writing works."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {int(version)}")

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
    settled: bool = True  # whether its tools are known, and not only its entry


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that is kept.

    (name, launch, consented, settled) and (name, launch, tool, hash, digest).
    """

    servers: tuple[tuple[str, str, bool, bool], ...] = ()
    tools: tuple[tuple[str, str, str, str, bytes], ...] = ()


def read(connection: sqlite3.Connection) -> Book:
    """Raises Damaged where a row is not as it was written."""
    known = []
    for name, launch, consented, settled, seal in connection.execute(
        "SELECT name, launch, consented, settled, seal FROM server"
    ):
        if seal != _seal(name, launch, consented, settled):
            raise Damaged("a row is not as it was written")
        known.append((name, launch, bool(consented), bool(settled)))
    tools = connection.execute("SELECT server, launch, name, hash, digest FROM tool")
    return Book(tuple(known), tuple(tools))


def write(connection: sqlite3.Connection, batch: Iterable[Seen]) -> None:
    """Add to what is kept; a word once given to an entry stays."""
    now = time.time()
    for seen in batch:
        before = connection.execute(
            "SELECT consented, settled FROM server WHERE name = ? AND launch = ?",
            (seen.server, seen.launch),
        ).fetchone() or (0, 0)
        entry = (
            *(seen.server, seen.launch),
            *(max(before[0], int(seen.consented)), max(before[1], int(seen.settled))),
        )
        connection.execute(
            "INSERT OR REPLACE INTO server (name, launch, consented, settled, seal, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*entry, _seal(*entry), now),
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

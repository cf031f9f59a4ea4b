"""What a part of the endpoint offers to the clients that connect to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.gateway.clients import Client
from core.protocol.calls import Call, Reply, Session

LONGEST_NAME = 128  # characters


@dataclass(frozen=True, slots=True)
class Running:
    """A request that a server is working on; ``ended`` is told how it went, for the record."""

    session: Session
    call: Call
    server: str
    asked: str  # the tool, or the method if it is no tool call
    ended: Callable[[Reply | None], None]

    @property
    def what(self) -> str:
        """The beginning of a sentence for a person; clients may name anything."""
        return f"{self.asked[:LONGEST_NAME]!r} of the server {self.server!r}"


class Surface(Protocol):
    """One part of the endpoint."""

    @property
    def key(self) -> str:
        """Its own name among all surfaces; sessions belong to one surface."""

    async def introduce(self, wanted_version: str) -> tuple[str, bytes]:
        """The version to speak and the result of ``initialize``. Raises Refusal."""

    async def begin(self, client: Client, method: str, params: bytes) -> bytes | Running:
        """Take a request: its result at once, or running. Raises Refusal, ConnectionLost."""

    def notice(self, client: Client, method: str, params: bytes) -> None:
        """Take a notification of the client's."""

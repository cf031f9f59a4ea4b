"""A tool of an MCP server: what the model sees of it, and whether a person agreed to that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Standing(StrEnum):
    """What a person said to a tool as it is now."""

    APPROVED = "approved"
    PENDING = "pending"  # not asked yet
    CHANGED = "changed"  # it is no longer what was approved


@dataclass(frozen=True, slots=True)
class Flag:
    """Something in a tool's words that looks made to mislead a model.

    ``rule`` is a stable name, ``where`` the member it stands in, ``evidence`` the passage, with
    what cannot be seen made visible.
    """

    rule: str
    where: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One entry of ``tools/list`` (MCP 2025-11-25, server/tools).

    ``raw`` is the entry's JSON exactly as received, so that passing a tool on never re-models
    it. ``name``, ``description`` and ``parameters`` (property names of the input schema) are
    what search needs. ``hash`` names everything a model sees of it; it is empty for a tool that
    is approved, of which nobody has to be asked, and ``flags`` likewise.
    """

    name: str
    raw: bytes = field(repr=False)
    description: str = field(default="", repr=False)
    parameters: tuple[str, ...] = field(default=(), repr=False)
    standing: Standing = Standing.APPROVED
    hash: str = ""
    flags: tuple[Flag, ...] = ()

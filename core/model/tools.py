"""A tool of an MCP server: what the model sees of it, kept as the server sent it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tool:
    """One entry of ``tools/list`` (MCP 2025-11-25, server/tools).

    ``raw`` is the entry's JSON exactly as received, so that passing a tool on never re-models
    it. ``name``, ``description`` and ``parameters`` (property names of the input schema) are
    what search needs.
    """

    name: str
    raw: bytes = field(repr=False)
    description: str = field(default="", repr=False)
    parameters: tuple[str, ...] = field(default=(), repr=False)

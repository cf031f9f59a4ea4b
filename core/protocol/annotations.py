"""What a tool says of its effects (MCP 2025-11-25, server/tools#tool, ToolAnnotations)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import msgspec

ENTRIES_KEPT = 256  # of the tools looked at last


class Effect(StrEnum):
    """The worst a tool says it does; what says nothing may do anything."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


class _Annotations(msgspec.Struct, rename="camel"):
    read_only_hint: bool | None = False
    destructive_hint: bool | None = True


class _Entry(msgspec.Struct):
    annotations: _Annotations | None = None


_entry = msgspec.json.Decoder(_Entry)


@lru_cache(maxsize=ENTRIES_KEPT)
def effect_of(entry: bytes) -> Effect:
    """The effect of a tool by its entry in ``tools/list``, with the specification's defaults.

    ``readOnlyHint`` is false and ``destructiveHint`` true where they are not said, so a tool
    without annotations counts as destructive. They are hints: nobody has proved them.
    """
    try:
        said = _entry.decode(entry).annotations
    except msgspec.DecodeError:
        return Effect.DESTRUCTIVE
    if said is None:
        return Effect.DESTRUCTIVE
    if said.read_only_hint:
        return Effect.READ
    return Effect.WRITE if said.destructive_hint is False else Effect.DESTRUCTIVE

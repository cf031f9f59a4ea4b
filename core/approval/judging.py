"""Comparing what a server offers with what was agreed to: pure decisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.approval.canonical import digest, tool_hash
from core.model.approvals import Hold, Review
from core.model.tools import Flag, Standing, Tool

Look = Callable[[Tool], tuple[Flag, ...]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A tool as it was agreed to: the canonical hash, and that of the very bytes."""

    hash: str
    digest: bytes


def accepted(tool: Tool) -> Accepted:
    return Accepted(tool_hash(tool.raw), digest(tool.raw))


def compare(tools: Sequence[Tool], agreed: Mapping[str, Accepted], look: Look) -> tuple[Tool, ...]:
    """Each tool with its standing; one that is approved stays the very same object.

    ``look`` says what is suspicious in one.
    """
    return tuple(_compared(tool, agreed.get(tool.name), look) for tool in tools)


def _compared(tool: Tool, agreed: Accepted | None, look: Look) -> Tool:
    if agreed is not None and digest(tool.raw) == agreed.digest:
        return _approved(tool)
    named = tool_hash(tool.raw)
    if agreed is not None and agreed.hash == named:
        return _approved(tool)
    standing = Standing.PENDING if agreed is None else Standing.CHANGED
    return replace(tool, standing=standing, hash=named, flags=look(tool))


def _approved(tool: Tool) -> Tool:
    if tool.standing is Standing.APPROVED:
        return tool
    return replace(tool, standing=Standing.APPROVED, hash="", flags=())


def at_first_sight(
    tools: Sequence[Tool], look: Look
) -> tuple[tuple[Tool, ...], dict[str, Accepted]]:
    """What a person who wrote the server's entry agrees to by that: all but what is flagged."""
    shown: list[Tool] = []
    agreed: dict[str, Accepted] = {}
    for tool in tools:
        found = look(tool)
        if found:
            named = tool_hash(tool.raw)
            shown.append(replace(tool, standing=Standing.PENDING, hash=named, flags=found))
        else:
            shown.append(tool)
            agreed[tool.name] = accepted(tool)
    return tuple(shown), agreed


def review(hold: Hold, launch: str, tools: Sequence[Tool]) -> Review:
    """What a person is asked; of a server that is held, every tool is part of the question."""
    waiting = [tool for tool in tools if tool.standing is not Standing.APPROVED]
    if hold is Hold.NONE and not waiting:
        return Review()
    asked = tools if hold is not Hold.NONE else waiting
    question = [
        hold,
        launch,
        sorted((tool.name, tool.hash or tool_hash(tool.raw)) for tool in asked),
    ]
    return Review(
        hold=hold,
        hash=hashlib.sha256(json.dumps(question).encode()).hexdigest(),
        pending=_named(waiting, Standing.PENDING),
        changed=_named(waiting, Standing.CHANGED),
    )


def _named(tools: Sequence[Tool], standing: Standing) -> tuple[str, ...]:
    return tuple(tool.name for tool in tools if tool.standing is standing)

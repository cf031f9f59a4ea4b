"""What a client is told of an endpoint with many servers behind it: the ``instructions``."""

from __future__ import annotations

from collections.abc import Sequence

from core.gateway.merged import Part

LONGEST = 6_000  # characters in all
LONGEST_EACH = 1_200  # of one server

SEARCH = (
    "This endpoint stands in front of many MCP servers. Find a tool with retrieve_tools, then "
    "call it with the call_tool_... that the hit names, giving its tool_id exactly as found. "
    "Prompts and resources are listed as server__name."
)
DIRECT = (
    "This endpoint stands in front of many MCP servers. Their tools and prompts are named "
    "server__name."
)


def composed(parts: Sequence[Part], direct: bool) -> str:
    """Ours, the servers there are now, and what each says of itself, as far as there is room."""
    told = [DIRECT if direct else SEARCH]
    if parts:
        listed = ", ".join(f"{part.server} ({_tools(len(part.tools))})" for part in parts)
        told.append(f"Connected servers: {_cut(listed, LONGEST_EACH)}.")
    room = LONGEST - sum(map(len, told))
    for part in parts:
        if not part.instructions:
            continue
        said = f"## {part.server}\n{_cut(part.instructions, LONGEST_EACH)}"
        room -= len(said) + 2
        if room < 0:
            break
        told.append(said)
    return "\n\n".join(told)


def _tools(count: int) -> str:
    return f"{count} tool" if count == 1 else f"{count} tools"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"

"""The tools an agent gets in search-and-call mode, as they are listed.

Every word here is read by every model in every session, so there are few.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.gateway.finding import MOST_DESCRIBED, MOST_HITS

Entry = dict[str, object]


@dataclass(frozen=True, slots=True)
class Builtin:
    """A tool of our own: its entry in ``tools/list``, and what it makes of its arguments (JSON).

    ``run`` returns the result of ``tools/call``; it raises CannotDo, or msgspec.DecodeError when
    the arguments are not of the right shape.
    """

    name: str
    entry: Entry
    run: Callable[[bytes], Awaitable[bytes]]


_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_READS = {"readOnlyHint": True, "openWorldHint": False}


def _called(name: str, title: str, description: str, annotations: Entry) -> Entry:
    return {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": {
                "name": {**_TEXT, "description": "tool_id, as found"},
                "args": {"type": "object", "description": "The tool's arguments"},
                "args_json": {**_TEXT, "description": "args as text, instead"},
            },
            "required": ["name"],
        },
        "annotations": annotations,
    }


ENTRIES: tuple[Entry, ...] = (
    {
        "name": "retrieve_tools",
        "title": "Find tools",
        "description": "Search the tools of all connected MCP servers by what they do. Best match "
        "first; each hit says which tool to call it with.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {
                    **_TEXT,
                    "description": "What the tool should do, in a few words. "
                    "Empty with server: lists its tools",
                },
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_HITS},
                "detail": {
                    "enum": ["compact", "full"],
                    "description": "full: whole schemas and descriptions",
                },
                "server": {**_TEXT, "description": "Only this server's tools"},
                "read_only_only": _FLAG,
                "exclude_destructive": _FLAG,
            },
            "required": ["query"],
        },
        "annotations": _READS,
    },
    {
        "name": "describe_tool",
        "title": "Describe tools",
        "description": "Full descriptions and schemas of tools found with retrieve_tools.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "tool_ids": {"type": "array", "items": _TEXT, "maxItems": MOST_DESCRIBED}
            },
            "required": ["tool_ids"],
        },
        "annotations": _READS,
    },
    _called(
        "call_tool_read",
        "Call a tool that only reads",
        "Call a tool that says it changes nothing.",
        {"readOnlyHint": True},
    ),
    _called(
        "call_tool_write",
        "Call a tool that writes",
        "Call a tool that says it destroys nothing.",
        {"readOnlyHint": False, "destructiveHint": False},
    ),
    _called(
        "call_tool_destructive",
        "Call any tool",
        "Call a tool that may destroy something, or does not say.",
        {"readOnlyHint": False, "destructiveHint": True},
    ),
    _called(
        "call_tool",
        "Call a tool",
        "Call any tool found with retrieve_tools.",
        {"readOnlyHint": False, "destructiveHint": True},
    ),
    {
        "name": "read_cache",
        "title": "Read on",
        "description": "Read the rest of an answer that was cut, by the key it named.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "key": _TEXT,
                "offset": {"type": "integer", "minimum": 0},
                "limit": {"type": "integer", "minimum": 1, "description": "Characters"},
            },
            "required": ["key"],
        },
        "annotations": _READS,
    },
)

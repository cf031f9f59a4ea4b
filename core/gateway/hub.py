"""``/mcp``: all servers behind two tools, one to find what they offer and one to call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from core.gateway.clients import Client
from core.gateway.refusal import Refusal
from core.gateway.router import Router
from core.gateway.surface import Running
from core.model.status import Phase
from core.model.tools import Tool
from core.ports import ToolSearch
from core.protocol.calls import Hello
from core.protocol.codes import LATEST_STATEFUL, Code

INSTRUCTIONS = (
    "This endpoint stands in front of many MCP servers. Find a tool with retrieve_tools, then "
    "call it with call_tool, giving the tool_id exactly as found."
)
LIMIT_MOST = 100  # hits of one search
ID_SEPARATOR = ":"  # a tool id is split at the first one; server names hold none

BUILTIN = msgspec.json.encode(
    {
        "tools": [
            {
                "name": "retrieve_tools",
                "title": "Find tools",
                "description": "Search the tools of all connected MCP servers by what they do. "
                "Returns tool ids with their descriptions and input schemas, best match first.",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "query": {
                            "type": "string",
                            "description": "What the tool should do, in a few words.",
                        },
                        "limit": {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": LIMIT_MOST,
                            "description": "Most tools to return.",
                        },
                    },
                    "required": ["query"],
                },
                "annotations": {"readOnlyHint": True, "openWorldHint": False},
            },
            {
                "name": "call_tool",
                "title": "Call a tool",
                "description": "Call a tool found with retrieve_tools.",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "name": {
                            "type": "string",
                            "description": "The tool_id as found, such as github:create_issue.",
                        },
                        "args": {
                            "type": "object",
                            "description": "Arguments as the tool's input schema asks.",
                        },
                        "args_json": {
                            "type": "string",
                            "description": "The same as a JSON text, instead of args.",
                        },
                    },
                    "required": ["name"],
                },
            },
        ]
    }
)


class _Call(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    meta: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="_meta")


class _Retrieve(msgspec.Struct):
    query: str
    limit: int | None = None


class _CallTool(msgspec.Struct):
    name: str
    args: msgspec.Raw = msgspec.Raw()
    args_json: str = ""


class _Entry(msgspec.Struct, rename="camel"):
    input_schema: msgspec.Raw = msgspec.Raw(b"{}")
    annotations: msgspec.Raw = msgspec.Raw()


_call = msgspec.json.Decoder(_Call)
_retrieve = msgspec.json.Decoder(_Retrieve)
_call_tool = msgspec.json.Decoder(_CallTool)
_entry = msgspec.json.Decoder(_Entry)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class CannotDo(Exception):
    """What the model asked of a built-in tool cannot be done; ``str()`` helps it do better."""


class HubSurface:
    """Implements ``core.gateway.surface.Surface`` for all servers together."""

    key = "hub"

    def __init__(self, router: Router, search: ToolSearch, version: str) -> None:
        self._router = router
        self._search = search
        self._version = version
        self._builtin: dict[str, Callable[[Client, _Call], Awaitable[bytes | Running]]] = {
            "retrieve_tools": self._retrieve_tools,
            "call_tool": self._call_tool,
        }

    async def introduce(self) -> Hello:
        info = {"name": "mcpproxy-tray", "title": "MCP Proxy Tray", "version": self._version}
        return Hello(
            LATEST_STATEFUL,
            capabilities=b'{"tools":{}}',
            server_info=msgspec.json.encode(info),
            instructions=msgspec.json.encode(INSTRUCTIONS),
            declares=frozenset({"tools"}),
        )

    async def begin(self, client: Client, method: str, params: bytes) -> bytes | Running:
        if method == "tools/list":
            return BUILTIN
        if method != "tools/call":
            raise Refusal(Code.METHOD_NOT_FOUND, f"{method} is not offered here.")
        try:
            call = _call.decode(params)
        except msgspec.DecodeError as error:
            raise Refusal(Code.INVALID_PARAMS, f"tools/call: {error}") from None
        builtin = self._builtin.get(call.name)
        if builtin is None:
            raise Refusal(
                Code.INVALID_PARAMS,
                f"There is no tool {call.name!r} here; tools of servers are called through "
                "call_tool, with an id that retrieve_tools found.",
            )
        try:
            return await builtin(client, call)
        except msgspec.DecodeError as error:
            return text_result(f"{call.name}: wrong arguments: {error}", is_error=True)
        except (CannotDo, Refusal) as problem:
            return text_result(str(problem), is_error=True)

    def notice(self, client: Client, method: str, params: bytes) -> None:
        """Nothing a client may tell concerns all servers."""

    def subscribe(self, client: Client, uri: str) -> None:
        """There are no resources here."""

    def input_schema(self, tool: str) -> object | None:
        return None

    # --- the tools ----------------------------------------------------------------------------

    async def _retrieve_tools(self, _: Client, call: _Call) -> bytes:
        asked = _retrieve.decode(call.arguments)
        snapshot = self._router.door.snapshot
        callable_now: dict[str, tuple[Tool, ...]] = {
            str(name): status.tools
            for name, status in snapshot.servers.items()
            if status.phase is Phase.READY and not status.quarantined
        }
        limit = asked.limit if asked.limit is not None else snapshot.config.tools_limit
        limit = max(1, min(limit, LIMIT_MOST))
        hits = await self._search.search(callable_now, asked.query, limit)
        by_id = {(name, tool.name): tool for name, tools in callable_now.items() for tool in tools}
        found = [_shown(hit.server, by_id[hit.server, hit.tool], hit.score) for hit in hits]
        answer: dict[str, object] = {
            "tools": found,
            "searched": sum(len(tools) for tools in callable_now.values()),
        }
        absent = {
            str(name): status.health.summary
            for name, status in snapshot.servers.items()
            if name not in callable_now and status.phase is not Phase.DISABLED
        }
        if absent:
            answer["not_searched"] = absent  # so that the model knows to look again, or to ask
        return text_result(msgspec.json.encode(answer).decode())

    async def _call_tool(self, client: Client, call: _Call) -> Running:
        asked = _call_tool.decode(call.arguments)
        server, separator, tool = asked.name.partition(ID_SEPARATOR)
        if not separator or not tool:
            raise CannotDo(
                f"{asked.name!r} is no tool id. Ids look like server:tool; find them with "
                "retrieve_tools."
            )
        status = self._router.status(server)
        if status is None:
            raise CannotDo(f"There is no server {server!r}. Find tools with retrieve_tools.")
        session = self._router.live(server) or await self._router.reach(server)
        if tool not in session.catalogue.tool_names:
            raise CannotDo(
                f"The server {server!r} has no tool {tool!r}. Find tools with retrieve_tools."
            )
        members: dict[str, object] = {"name": tool, "arguments": _arguments(asked)}
        if call.meta:
            members["_meta"] = call.meta
        params = msgspec.json.encode(members)
        return await self._router.start(client, server, session, "tools/call", params, tool)


def text_result(text: str, *, is_error: bool = False) -> bytes:
    """A tool result of one text (MCP 2025-11-25, server/tools#tool-result)."""
    return msgspec.json.encode({"content": [{"type": "text", "text": text}], "isError": is_error})


def _arguments(asked: _CallTool) -> msgspec.Raw:
    if asked.args and asked.args_json:
        raise CannotDo("Give either args or args_json, not both.")
    raw = bytes(asked.args) or asked.args_json.encode() or b"{}"
    try:
        _object.decode(raw)
    except msgspec.DecodeError as error:
        raise CannotDo(f"The arguments must be a JSON object: {error}.") from None
    return msgspec.Raw(raw)


def _shown(server: str, tool: Tool, score: float) -> dict[str, object]:
    entry = _entry.decode(tool.raw)
    shown: dict[str, object] = {
        "tool_id": f"{server}{ID_SEPARATOR}{tool.name}",
        "description": tool.description,
        "inputSchema": entry.input_schema,
        "score": round(score, 3),
    }
    if entry.annotations:
        shown["annotations"] = entry.annotations
    return shown

"""Routes about tools: finding them by what they do, and calling one."""

from __future__ import annotations

import msgspec

from core.asgi import while_connected
from core.model.status import Phase
from core.model.tools import Tool
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.loopback import NotAnswered
from core.web.replies import Refused, success
from core.web.site import Site

MOST_FOUND = 100
SEPARATOR = ":"  # a tool id is split at the first one; server names hold none
NO_MEMBERS = msgspec.Raw(b"{}")


QUERY = {
    "q": "What the tool should do; without, all tools are listed.",
    "limit": f"How many tools at most, up to {MOST_FOUND}.",
}


class ToolJson(msgspec.Struct, frozen=True, rename="camel"):
    """A tool; ``standing`` is whether a person agreed to it, ``score`` how well it was found.

    ``enabled``: whether the config file leaves it switched on.
    """

    tool_id: str = msgspec.field(name="tool_id")
    server: str
    name: str
    description: str
    input_schema: msgspec.Raw
    annotations: msgspec.Raw
    standing: str
    score: float | None = None
    enabled: bool = True


class FoundData(msgspec.Struct, frozen=True):
    """``searched`` is the number of tools that were looked at."""

    query: str
    tools: tuple[ToolJson, ...]
    searched: int


class CallBody(msgspec.Struct, frozen=True):
    """``name`` is a tool id, as in ``server:tool``."""

    name: str
    args: msgspec.Raw = msgspec.field(default_factory=lambda: NO_MEMBERS)


class CallData(msgspec.Struct, frozen=True):
    """``result`` is the tool's own, unchanged (MCP, server/tools#tool-result)."""

    tool_id: str
    result: msgspec.Raw


class _Entry(msgspec.Struct, rename="camel"):
    input_schema: msgspec.Raw = NO_MEMBERS
    annotations: msgspec.Raw = NO_MEMBERS


_entry = msgspec.json.Decoder(_Entry)


def tool_json(
    server: str, tool: Tool, score: float | None = None, *, enabled: bool = True
) -> ToolJson:
    entry = _entry.decode(tool.raw)
    return ToolJson(
        tool_id=f"{server}{SEPARATOR}{tool.name}",
        server=server,
        name=tool.name,
        description=tool.description,
        input_schema=entry.input_schema,
        annotations=entry.annotations,
        standing=tool.standing,
        score=score,
        enabled=enabled,
    )


async def find(site: Site, request: Request) -> Response:
    """Tools that AI clients may use, best first; without ``q`` all of them."""
    query = request.query.get("q", "")
    offered = {
        str(name): status.offered
        for name, status in site.door.snapshot.servers.items()
        if status.phase is Phase.READY and status.offered
    }
    searched = sum(map(len, offered.values()))
    if not query.strip():
        limit = _limit(request.query.get("limit"), searched)
        everything = [tool_json(name, tool) for name, tools in offered.items() for tool in tools]
        return success(FoundData(query, tuple(everything[:limit]), searched))
    limit = _limit(request.query.get("limit"), site.door.snapshot.config.tools_limit)
    hits = await site.search.search(offered, query, limit)
    tools = {(name, tool.name): tool for name, listed in offered.items() for tool in listed}
    found = tuple(
        tool_json(hit.server, tools[hit.server, hit.tool], round(hit.score, 3)) for hit in hits
    )
    return success(FoundData(query, found, searched))


async def call(site: Site, request: Request) -> Response:
    """Call a tool as an AI client would; a person's approval counts here as it does there."""
    body = await read_json(request, CallBody)
    server, separator, tool = body.name.partition(SEPARATOR)
    if not separator or not tool:
        raise Refused(400, "bad_request", "name is a tool's id, as in server:tool.")
    try:
        result = await while_connected(
            request.receive, site.loopback.call(server, tool, bytes(body.args))
        )
    except NotAnswered as error:
        raise Refused(502, "not_called", str(error)) from error
    return success(CallData(body.name, msgspec.Raw(result)))


def _limit(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= MOST_FOUND):
        raise Refused(400, "bad_request", f"limit is a number from 1 to {MOST_FOUND}.")
    return int(text[:6])

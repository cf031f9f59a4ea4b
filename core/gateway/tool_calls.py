"""Calls of tools where many servers are one: by an id that was found, or by a listed name."""

from __future__ import annotations

import msgspec

from core.gateway import relabelling
from core.gateway.calling import (
    CallTool,
    arguments_of,
    call_tool,
    check_arguments,
    check_effect,
)
from core.gateway.clients import Client
from core.gateway.cutting import Cutter
from core.gateway.finding import Finder
from core.gateway.names import split
from core.gateway.refusal import Refusal
from core.gateway.scope import Scope
from core.gateway.shaping import Shaped
from core.gateway.surface import Running
from core.protocol.calls import Session
from core.protocol.codes import Code


class Asked(msgspec.Struct):
    """The params of ``tools/call``."""

    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


asked_of = msgspec.json.Decoder(Asked)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ToolCalls:
    """Sends them on. All raise Refusal, and those of found tools CannotDo.

    What ends on ``_at_once`` does not wait; it returns None, and nothing was done, where it
    would have to.
    """

    def __init__(self, scope: Scope, finder: Finder, cutter: Cutter) -> None:
        self._scope = scope
        self._router = scope.router
        self._finder = finder
        self._cutter = cutter

    def found_at_once(self, client: Client, call: Asked, params: bytes) -> Running | None:
        """Call a tool by the id that a search gave, through ``call_tool`` or one of its kinds."""
        asked = call_tool.decode(call.arguments)
        server, name = self._finder.parse(asked.name)
        session = self._router.live(server)
        if session is None:
            return None
        tool, params = self._by_id(call, params, asked, server, name)
        running = self._router.start_at_once(client, server, session, "tools/call", params, tool)
        if running is not None:
            running.shape = self._cut(server)
        return running

    async def found(self, client: Client, call: Asked, params: bytes) -> Running:
        asked = call_tool.decode(call.arguments)
        server, name = self._finder.parse(asked.name)
        session = self._router.live(server) or await self._router.reach(server)
        tool, params = self._by_id(call, params, asked, server, name)
        running = await self._router.start(client, server, session, "tools/call", params, tool)
        running.shape = self._cut(server)
        return running

    def listed_at_once(self, client: Client, name: str, params: bytes) -> Running | None:
        """Call a tool by the name that it is listed under."""
        server, tool = self._owner(name)
        session = self._router.live(server)
        if session is None:
            return None
        params = self._by_name(session, server, tool, params)
        running = self._router.start_at_once(client, server, session, "tools/call", params, tool)
        if running is not None:
            running.shape = self._whole(server)
        return running

    async def listed(self, client: Client, name: str, params: bytes) -> Running:
        server, tool = self._owner(name)
        session = self._router.live(server) or await self._router.reach(server)
        params = self._by_name(session, server, tool, params)
        running = await self._router.start(client, server, session, "tools/call", params, tool)
        running.shape = self._whole(server)
        return running

    def _by_id(
        self, call: Asked, params: bytes, asked: CallTool, server: str, name: str
    ) -> tuple[str, bytes]:
        arguments, value = arguments_of(asked)
        tool = self._finder.named(server, name)
        check_effect(server, tool, call.name)
        check_arguments(server, tool, value)
        members = _members.decode(params)  # `_meta`, answers to questions: all of it is passed on
        members["name"] = msgspec.Raw(msgspec.json.encode(tool.name))
        members["arguments"] = arguments
        return tool.name, msgspec.json.encode(members)

    def _by_name(self, session: Session, server: str, tool: str, params: bytes) -> bytes:
        self._router.permit(server, tool)
        if tool not in session.catalogue.tool_names:
            raise Refusal(Code.INVALID_PARAMS, self._finder.why_not(server, tool))
        members = _members.decode(params)
        members["name"] = msgspec.Raw(msgspec.json.encode(tool))
        return msgspec.json.encode(members)

    def _owner(self, name: str) -> tuple[str, str]:
        found = split(name)
        if found is None or self._scope.status(found[0]) is None:
            found = self._scope.merged().tools[1].get(name)
        if found is None:
            raise Refusal(Code.INVALID_PARAMS, f"There is no tool {name[:100]!r} here.")
        return found

    def _cut(self, server: str) -> Shaped:
        return Shaped(self._scope, server, relabelling.tool_result, self._cutter)

    def _whole(self, server: str) -> Shaped:
        return Shaped(self._scope, server, relabelling.tool_result)

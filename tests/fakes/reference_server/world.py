"""What of the server can change while it runs, and who is told."""

from __future__ import annotations

from collections.abc import Callable

from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from tests.fakes.reference_server.asking import Context


def connection(context: Context) -> str:
    """The client's session: one per process over stdio."""
    return str(context.request.headers.get("mcp-session-id", "")) if context.request else ""


class World:
    """The state of one running server."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.tool_changes = 0
        self.prompt_changes = 0
        self.cancelled = 0
        self.level = "info"
        self._sessions: dict[str, ServerSession] = {}
        self._subscribed: dict[tuple[str, str], ServerSession] = {}

    def met(self, context: Context) -> None:
        """Remember a stateful client, to tell it of changes later."""
        self._sessions[connection(context)] = context.session

    def subscribe(self, context: Context, uri: str) -> None:
        self._subscribed[connection(context), uri] = context.session

    def unsubscribe(self, context: Context, uri: str) -> None:
        self._subscribed.pop((connection(context), uri), None)

    async def change_tools(self, context: Context) -> None:
        self.tool_changes += 1
        await self.bus.publish(ToolsListChanged())
        await self._tell(ServerSession.send_tool_list_changed)

    async def change_prompts(self, context: Context) -> None:
        self.prompt_changes += 1
        await self.bus.publish(PromptsListChanged())
        await self._tell(ServerSession.send_prompt_list_changed)

    async def touch(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))
        for (_, subscribed), session in list(self._subscribed.items()):
            if subscribed == uri:
                await session.send_resource_updated(uri)

    async def _tell(self, send: Callable[[ServerSession], object]) -> None:
        for session in list(self._sessions.values()):
            await send(session)

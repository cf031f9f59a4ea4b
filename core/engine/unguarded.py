"""No policy of approval: what servers list is offered as it is, unless their entry forbids."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.model.approvals import Judgement, unguarded
from core.model.config import ServerConfig, ServerName
from core.model.tools import Tool


class Unguarded:
    """Implements ``core.ports.Approvals`` for an engine that is not told of any."""

    def judge(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> Judgement:
        return unguarded(config.quarantined, tools or ())

    async def approve_tools(
        self, config: ServerConfig, tools: tuple[Tool, ...], seen: Mapping[str, str]
    ) -> None:
        """Nothing waits for it."""

    async def approve_server(
        self, config: ServerConfig, tools: tuple[Tool, ...] | None, seen: str
    ) -> None:
        """Likewise."""

    async def release(self, config: ServerConfig, tools: tuple[Tool, ...] | None) -> None:
        """Likewise."""

    def on_change(self, changed: Callable[[ServerName | None], object]) -> None:
        """Nothing changes by itself."""

"""Which members of a server's config entry switch one of its tools on or off; pure."""

from __future__ import annotations

from core.model.config import ServerConfig
from core.model.intents import ChangeServer


def switched(config: ServerConfig, tool: str, on: bool) -> ChangeServer:
    """The change after which ``config.permits(tool)`` is ``on``, and nothing else is different.

    A tool is switched off in ``disabled_tools`` only: an ``enabled_tools`` from which the last
    name was taken would permit every tool.
    """
    disabled = [each for each in config.disabled_tools if each != tool]
    if not on:
        disabled.append(tool)
    members: dict[str, object] = {"disabled_tools": disabled or None}
    if on and config.enabled_tools and tool not in config.enabled_tools:
        members["enabled_tools"] = [*config.enabled_tools, tool]
    return ChangeServer(config.name, members)

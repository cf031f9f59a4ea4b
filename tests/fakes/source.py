"""A config file that a test rewrites by a call; implements ``core.ports.ConfigSource``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from core.model.config import Config, Problem, ServerConfig, ServerName, Stdio
from core.model.intents import FileIntent, RemoveServer
from core.model.status import ConfigProblem


def server(name: str, command: str = "a", **settings: Any) -> ServerConfig:
    entry = ServerConfig(name=ServerName(name), transport=Stdio(command=command))
    return replace(entry, **settings)


class FakeSource:
    """Holds the newest version; reports it to whoever watches."""

    def __init__(self, *servers: ServerConfig) -> None:
        self.config = Config()
        self.held: asyncio.Event | None = None  # set_enabled waits for it, as if for the disk
        self._loaded: Callable[[Config], None] = lambda config: None
        self._rejected: Callable[[ConfigProblem], None] = lambda problem: None
        self._next(servers)

    def _next(self, servers: Iterable[ServerConfig]) -> None:
        self.config = Config(
            revision=self.config.revision + 1,
            servers=MappingProxyType({one.name: one for one in servers}),
        )

    def write(self, *servers: ServerConfig) -> None:
        """The file was edited: these are its servers now."""
        self._next(servers)
        self._loaded(self.config)

    def spoil(self, message: str) -> None:
        """The file was edited and is unusable now."""
        self._rejected(ConfigProblem("config.json", (Problem("", message),)))

    async def load(self) -> Config:
        return self.config

    async def watch(
        self, loaded: Callable[[Config], None], rejected: Callable[[ConfigProblem], None]
    ) -> None:
        self._loaded, self._rejected = loaded, rejected
        await asyncio.get_running_loop().create_future()

    async def set_enabled(self, name: ServerName, enabled: bool) -> None:
        if self.held is not None:
            await self.held.wait()
        entry = replace(self.config.servers[name], enabled=enabled)
        self.write(*{**self.config.servers, name: entry}.values())

    async def restore(self) -> None:
        """The version in use is the file's again."""
        self._loaded(self.config)

    async def edit(self, edit: FileIntent) -> None:
        """Only what tests of the engine need: entries go."""
        assert isinstance(edit, RemoveServer)
        self.write(*(one for one in self.config.servers.values() if one.name != edit.name))

    async def set_quarantined(self, name: ServerName, quarantined: bool) -> None:
        if self.held is not None:
            await self.held.wait()
        entry = replace(self.config.servers[name], quarantined=quarantined)
        self.write(*{**self.config.servers, name: entry}.values())

"""Signing in as the program holds it: nothing of it is loaded before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import SignInFailed
from core.model.config import ServerConfig, ServerName
from core.ports import Keyring, TokenStore
from core.upstream.http_trust import Trust

if TYPE_CHECKING:
    from core.upstream.oauth_sign_ins import SignIns


class LateSignIns:
    """Implements ``core.ports.SignIns``."""

    def __init__(
        self,
        version: str,
        environ: Mapping[str, str],
        keyring: Keyring,
        trust: Trust,
        store: TokenStore,
    ) -> None:
        self._version = version
        self._environ = environ
        self._keyring = keyring
        self._trust = trust
        self._store = store
        self._told: list[Callable[[ServerName], object]] = []
        self._all: SignIns | None = None

    async def loaded(self) -> SignIns:
        await asyncio.to_thread(import_module, "core.upstream.oauth_sign_ins")
        from core.upstream.oauth_sign_ins import SignIns

        if self._all is None:
            self._all = SignIns(
                self._version,
                self._environ,
                self._keyring,
                self._trust,
                self._store,
                self._changed,
            )
        return self._all

    async def begin(self, config: ServerConfig) -> None:
        await (await self.loaded()).begin(config)

    def link(self, name: ServerName) -> str:
        return self._all.link(name) if self._all is not None else ""

    async def over(self, name: ServerName) -> None:
        if self._all is None:
            raise SignInFailed(f"Nobody is signing in to {name}.")
        await self._all.over(name)

    async def forget(self, name: ServerName) -> bool:
        return await (await self.loaded()).forget(name)

    def on_change(self, changed: Callable[[ServerName], object]) -> None:
        self._told.append(changed)

    async def stop(self) -> None:
        if self._all is not None:
            await self._all.stop()

    def _changed(self, name: ServerName) -> None:
        for told in self._told:
            told(name)

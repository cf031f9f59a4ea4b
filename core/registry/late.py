"""The registry as the program holds it: nothing of it is loaded before somebody searches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import RegistryOff
from core.ports import Cache

if TYPE_CHECKING:
    from core.model.registry import Offers


class LateRegistry:
    """Implements ``core.ports.Registry``. ``url`` gives the setting in use now."""

    def __init__(self, url: Callable[[], str], cache: Cache, version: str) -> None:
        self._url = url
        self._cache = cache
        self._version = version

    async def search(self, query: str, limit: int) -> Offers:
        url = self._url()
        if not url:
            raise RegistryOff
        await asyncio.to_thread(import_module, "core.registry.client")
        from core.registry.client import RegistryClient

        return await RegistryClient(url, self._cache, self._version).search(query, limit)

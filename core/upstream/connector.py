"""Implements ``core.ports.Connector``: to a server by command, or to one by URL."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.model.config import Http, ServerConfig
from core.model.faults import Fault
from core.ports import Keyring, Link
from core.upstream.connection import StdioConnector
from core.upstream.conversation import SHARED, Means, Terms
from core.upstream.http_trust import Trust
from core.upstream.sign_ins import LateSignIns

if TYPE_CHECKING:
    from core.upstream.http_connection import HttpConnector


class AnyConnector:
    """What HTTP needs is loaded when it is first needed, and not on the loop."""

    def __init__(
        self,
        stdio: StdioConnector,
        means: Means,
        environ: Mapping[str, str],
        keyring: Keyring,
        trust: Trust,
        sign_ins: LateSignIns,
    ) -> None:
        self._stdio = stdio
        self._means = means
        self._environ = environ
        self._keyring = keyring
        self._trust = trust
        self._sign_ins = sign_ins
        self._http: HttpConnector | None = None

    async def __call__(
        self, config: ServerConfig, link: Link, terms: Terms = SHARED
    ) -> Fault | None:
        if not isinstance(config.transport, Http):
            return await self._stdio(config, link, terms)
        http = self._http or await self._load()
        return await http(config, link, terms)

    async def _load(self) -> HttpConnector:
        await asyncio.to_thread(importlib.import_module, "core.upstream.http_connection")
        from core.upstream.http_connection import HttpConnector

        if self._http is None:  # else another server was faster
            self._http = HttpConnector(
                self._means, self._environ, self._keyring, self._trust, self._sign_ins
            )
        return self._http

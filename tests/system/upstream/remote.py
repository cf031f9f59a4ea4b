"""One real connection to a server by URL, as ``talk`` has for commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from core.model.config import Http, OAuth, ServerConfig, ServerName, Setting
from core.ports import TokenStore
from core.protocol.calls import Call
from core.telemetry.counters import Counters
from core.upstream.conversation import SHARED, Means, Terms
from core.upstream.http_connection import HttpConnector
from core.upstream.http_trust import Trust
from core.upstream.sign_ins import LateSignIns
from tests.fakes.keyring import keyring_of
from tests.fakes.tokens import MemoryTokens
from tests.system.upstream.talk import LIMIT, answer
from tests.system.upstream.watched import Watched

Json = dict[str, Any]


def at(
    url: str,
    protocol: str = "auto",
    headers: Mapping[str, str] | None = None,
    oauth: OAuth | None = None,
    **settings: Any,
) -> ServerConfig:
    """An entry with a URL."""
    own = tuple(Setting(name, value) for name, value in (headers or {}).items())
    transport = Http(url=url, headers=own, protocol=protocol, oauth=oauth)
    limits = {"init_timeout": LIMIT, **settings}
    return ServerConfig(name=ServerName("one"), transport=transport, **limits)


class Remote(Watched):
    """A connection in its task; also the ``Link`` it reports through."""

    def __init__(
        self,
        config: ServerConfig,
        environ: Mapping[str, str],
        terms: Terms = SHARED,
        connector: HttpConnector | None = None,
        store: TokenStore | None = None,
    ) -> None:
        self.config = config
        super().__init__()
        self.log: list[str] = []
        self.counters = Counters()
        keyring, trust = keyring_of(there="kept-in-the-keyring"), Trust(environ)
        self.sign_ins = LateSignIns("9", environ, keyring, trust, store or MemoryTokens())
        self.connector = connector or HttpConnector(
            Means("9", self.counters, lambda config: self.log.append),
            environ,
            keyring,
            trust,
            self.sign_ins,
        )
        self.task = asyncio.create_task(self.connector(config, self, terms))

    def fetching(self) -> None:
        raise AssertionError("nothing is downloaded")

    def forcing(self) -> None:
        raise AssertionError("nothing is killed")

    def start(
        self, arguments: Json | None = None, caller: str = "", meta: Json | None = None
    ) -> Call:
        """Call the tool ``echo``."""
        params: Json = {"name": "echo", "arguments": arguments or {}}
        if meta is not None:
            params["_meta"] = meta
        assert self.session is not None
        return self.session.start("tools/call", json.dumps(params).encode(), caller)

    async def call(self, arguments: Json | None = None) -> Any:
        """The structured content, or the JSON-RPC error under ``error``."""
        return await answer(self.start(arguments))

    async def close(self) -> None:
        if not self.closing.done():
            self.closing.set_result(None)
        async with asyncio.timeout(LIMIT):
            await asyncio.wait([self.task])


@asynccontextmanager
async def reaching(
    config: ServerConfig, environ: Mapping[str, str] | None = None, terms: Terms = SHARED
) -> AsyncIterator[Remote]:
    """Open a connection; at the end it is told to close, and has to."""
    remote = Remote(config, environ or {}, terms)
    try:
        yield remote
    finally:
        await remote.close()
        remote.task.result()

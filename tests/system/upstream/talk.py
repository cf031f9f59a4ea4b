"""One real connection to one real child, and what a test wants to know of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from core.model.config import EnvironmentPolicy, ServerConfig, ServerName, Setting, Stdio
from core.model.faults import Fault
from core.protocol.calls import Call
from core.telemetry.counters import Counters
from core.upstream.child import Grace
from core.upstream.connection import StdioConnector
from core.upstream.conversation import Means
from core.upstream.ownership import new_mark
from core.upstream.reaper import Reaper
from tests.fakes import faultsrv
from tests.fakes.keyring import keyring_of
from tests.system.upstream.watched import LIMIT, Watched

QUICK = Grace(after_eof=0.3, after_terminate=0.3)
ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}

Json = dict[str, Any]


def faulty(*mode: str, env: Mapping[str, str] | None = None, **settings: Any) -> ServerConfig:
    """An entry that starts the fault server."""
    command, *args = faultsrv.command(*(mode or ("ok",)))
    return entry(command, *args, env=env, **settings)


def entry(
    command: str,
    *args: str,
    env: Mapping[str, str] | None = None,
    working_dir: str | None = None,
    **settings: Any,
) -> ServerConfig:
    transport = Stdio(
        command=command,
        args=args,
        env=tuple(Setting(name, value) for name, value in (env or {}).items()),
        working_dir=working_dir,
    )
    made = ServerConfig(name=ServerName("one"), transport=transport, init_timeout=LIMIT)
    return replace(made, **settings)


class Talk(Watched):
    """A connection in its task; also the ``Link`` it reports through."""

    def __init__(self, config: ServerConfig, environ: Mapping[str, str], grace: Grace) -> None:
        self.config = config
        super().__init__()
        self.log: list[str] = []  # what was written into the server's log
        self.logged = asyncio.Event()  # set by each line
        self.downloading = asyncio.Event()
        self.forced = 0
        self.counters = Counters()
        self._reaper = Reaper(new_mark())
        connector = StdioConnector(
            means=Means("0", self.counters, lambda config: self._write),
            environ=environ,
            keyring=keyring_of(there="kept-in-the-keyring"),
            policy=EnvironmentPolicy,
            grace=lambda: grace,
            reaper=self._reaper,
        )
        self.task = asyncio.create_task(self._run(connector))

    async def _run(self, connector: StdioConnector) -> Fault | None:
        return await connector(self.config, self)

    def _write(self, line: str) -> None:
        self.log.append(line)
        self.logged.set()

    def fetching(self) -> None:
        self.downloading.set()

    def forcing(self) -> None:
        self.forced += 1

    # --- what a test does -----------------------------------------------------------------------

    def start(self, tool: str, arguments: Json | None = None, meta: Json | None = None) -> Call:
        params: Json = {"name": tool, "arguments": arguments or {}}
        if meta is not None:
            params["_meta"] = meta
        assert self.session is not None
        return self.session.start("tools/call", json.dumps(params).encode())

    async def call(self, tool: str, arguments: Json | None = None, meta: Json | None = None) -> Any:
        """Call a tool; its structured content, or its JSON-RPC error under ``error``."""
        return await answer(self.start(tool, arguments, meta))

    def violations(self) -> dict[str, float]:
        """How often the server did what MCP does not allow, by kind."""
        return {labels[1]: n for labels, n in self.counters.protocol_violations.values.items()}

    async def close(self) -> None:
        if not self.closing.done():
            self.closing.set_result(None)
        async with asyncio.timeout(LIMIT):
            await asyncio.wait([self.task])
            await self._reaper.close()


async def answer(call: Call) -> Any:
    """The answer to a call, events left out."""
    async with asyncio.timeout(LIMIT):
        while (reply := await call.arrival()) is None:
            call.events.clear()
    if reply.result is None:
        assert reply.error is not None
        return {"error": json.loads(bytes(reply.error))}
    return json.loads(bytes(reply.result)).get("structuredContent")


@asynccontextmanager
async def talking(
    config: ServerConfig, environ: Mapping[str, str] = ENVIRON, grace: Grace = QUICK
) -> AsyncIterator[Talk]:
    """Open a connection; at the end it is told to close, and has to."""
    talk = Talk(config, environ, grace)
    try:
        yield talk
    finally:
        await talk.close()
        talk.task.result()


@asynccontextmanager
async def ready(*mode: str, grace: Grace = QUICK, **settings: Any) -> AsyncIterator[Talk]:
    """A fault server that is ready."""
    async with talking(faulty(*mode, **settings), grace=grace) as talk:
        await talk.ready()
        yield talk

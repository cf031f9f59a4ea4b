"""The real engine and the real web side on a free port, with servers that obey the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import httpx

from core.asgi import ASGIApp, Receive, Scope, Send
from core.clients.served import ServedDesk
from core.config.schema import Overrides
from core.doctor.doctor import Doctor
from core.doctor.premises import Premises
from core.engine.clock import LoopClock
from core.engine.engine import Engine
from core.errors import ConfigError, ConfigNotWritten
from core.model.config import Config, Listen, Logging, ServerConfig, ServerName, Setting, Stdio
from core.model.faults import Fault, FaultCode
from core.model.status import ConfigProblem, Peer
from core.model.tools import Tool
from core.ports import Clock, Link
from core.protocol.calls import Call, Catalogue, Hello, Notify
from core.registry.late import LateRegistry
from core.search.catalogue import Catalogue as Search
from core.storage.storage import Storage
from core.telemetry.counters import Counters
from core.telemetry.logging import Logs, start_logging
from core.upstream.environment import SearchPath
from core.upstream.http_trust import Trust
from core.upstream.sign_ins import LateSignIns
from core.web.app import create_apps
from core.web.serve import HttpServer, bind_tcp, bind_unix
from tests.fakes.conversations import NoPrivates
from tests.fakes.keyring import keyring_of
from tests.fakes.tokens import MemoryTokens

KEY = "k" * 64
DASHBOARD = Path(__file__).parents[2] / "assets" / "dashboard"
LIMIT = 30.0  # seconds any wait of a test may take before the test fails


class MemorySource:
    """A ConfigSource whose file is a value; ``broken`` makes the next edit fail."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.broken: ConfigError | ConfigNotWritten | None = None
        self._loaded: Callable[[Config], None] = lambda _: None
        self._rejected: Callable[[ConfigProblem], None] = lambda _: None

    async def load(self) -> Config:
        return self.config

    async def watch(
        self, loaded: Callable[[Config], None], rejected: Callable[[ConfigProblem], None]
    ) -> None:
        self._loaded, self._rejected = loaded, rejected
        await asyncio.get_running_loop().create_future()

    async def reload(self) -> None:
        self._loaded(self.config)

    async def set_enabled(self, name: ServerName, enabled: bool) -> None:
        if self.broken is not None:
            raise self.broken
        entry = replace(self.config.servers[name], enabled=enabled)
        self.edit(servers=MappingProxyType({**self.config.servers, name: entry}))

    async def set_quarantined(self, name: ServerName, quarantined: bool) -> None:
        if self.broken is not None:
            raise self.broken
        entry = replace(self.config.servers[name], quarantined=quarantined)
        self.edit(servers=MappingProxyType({**self.config.servers, name: entry}))

    def edit(self, **changes: object) -> None:
        self.config = replace(self.config, revision=self.config.revision + 1, **changes)
        self._loaded(self.config)

    def reject(self, problem: ConfigProblem) -> None:
        self._rejected(problem)


class SilentSession:
    """A Session nobody calls here; the gateway is not part of these tests."""

    hello = Hello("2025-11-25")
    catalogue = Catalogue()
    in_flight = 0
    waiting = 0

    def start(self, method: str, params: bytes, caller: str = "") -> Call:
        return Call()

    def cancel(self, call: Call, reason: str) -> None: ...

    def notify(self, method: str, params: bytes) -> None: ...

    def listen(self, notify: Notify) -> Callable[[], None]:
        return lambda: None


@dataclass
class Servers:
    """The Connector: servers are ready at once, unless their name is in one of the sets."""

    hanging: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)

    async def __call__(self, config: ServerConfig, link: Link) -> Fault | None:
        self.opened.append(config.name)
        if config.name in self.broken:
            return Fault(FaultCode.SPAWN_ENOENT, f"{config.name!r} was not found.")
        if config.name not in self.hanging:
            tools = (Tool("add", b'{"name":"add"}'), Tool("sub", b'{"name":"sub"}'))
            peer = Peer(name="fake", version="1", protocol_version="2025-11-25", tools=tools)
            link.connected(SilentSession(), replace(peer, pid=1000 + len(self.opened)))
        await asyncio.shield(link.closing)
        return None


async def echo_gateway(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the gateway: answers with the path it was given."""
    body = scope["path"].encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def server(name: str, *, enabled: bool = True) -> ServerConfig:
    secret = (Setting("TOKEN", "planted-secret"),)
    transport = Stdio(command="prog", args=("--mode", name), env=secret)
    return ServerConfig(name=ServerName(name), transport=transport, enabled=enabled)


def config_of(*servers: ServerConfig, api_key: str = KEY) -> Config:
    return Config(
        revision=1,
        servers=MappingProxyType({each.name: each for each in servers}),
        listen=Listen(port=0),
        api_key=api_key,
    )


@dataclass
class Website:
    """Everything a test may want to look at or poke."""

    engine: Engine
    source: MemorySource
    servers: Servers
    counters: Counters
    logs: Logs
    http: HttpServer
    port: int
    socket_path: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def quiet(self) -> None:
        """No request is under way any more."""
        tasks = list(self.http.host.tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=LIMIT)
            assert not pending, pending

    @property
    def waiting_to_be_sent(self) -> list[int]:
        """Bytes per connection that its client has not taken yet."""
        connections = self.http.host.connections
        return [each.transport.get_write_buffer_size() for each in connections]

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client with the key; headers given here are added."""
        sent = {"X-API-Key": KEY, **{key.replace("_", "-"): text for key, text in headers.items()}}
        return httpx.AsyncClient(base_url=self.url, headers=sent, timeout=LIMIT, trust_env=False)

    async def settled(self) -> None:
        """Every server that can be ready is."""
        waiting = self.servers.hanging | self.servers.broken
        await self.engine.until(
            lambda snapshot: (
                all(
                    status.peer is not None or status.phase == "disabled" or name in waiting
                    for name, status in snapshot.servers.items()
                )
                and snapshot.config.revision > 0
            ),
            LIMIT,
        )


def doctor_of(directory: Path) -> Doctor:
    """The product's doctor, for an engine whose files are in the directory."""
    premises = Premises(
        version="1.2.3",
        config_file=directory / "mcp_config.json",
        data_dir=directory / "s",
        log_dir=directory / "logs",
        overrides=Overrides(),
        environ={},
    )
    return Doctor(premises, SearchPath({}), keyring_of())


@asynccontextmanager
async def website(
    directory: Path,
    config: Config | None = None,
    *,
    servers: Servers | None = None,
    gateway: ASGIApp = echo_gateway,
    clock: Clock | None = None,
) -> AsyncIterator[Website]:
    """A running engine and HTTP server, stopped in the product's order at the end."""
    config = config if config is not None else config_of(server("one"), server("two"))
    servers = servers or Servers()
    counters = Counters()
    source = MemorySource(config)
    logs = start_logging(directory / "logs", Logging(level="debug"))
    try:
        async with asyncio.TaskGroup() as tasks:
            storage = Storage(
                directory / "kept.db",
                counters,
                config=lambda: source.config,
                told=lambda _: None,
                lost=lambda _: None,
            )
            sign_ins = LateSignIns("1.2.3", {}, keyring_of(), Trust({}), MemoryTokens())
            engine = Engine(
                source=source,
                connect=servers,
                tasks=tasks,
                clock=clock or LoopClock(),
                counters=counters,
                approvals=storage.approvals,
                sign_ins=sign_ins,
            )
            apps = create_apps(
                door=engine,
                sessions=engine.sessions,
                privates=NoPrivates(),
                doctor=doctor_of(directory),
                config=source,
                search=Search(),
                records=storage,
                registry=LateRegistry(lambda: "", storage.cache, "1.2.3"),
                clients=ServedDesk(
                    directory / "mcp_config.json",
                    directory / "s",
                    {},
                    ("mcpproxy-tray", "stdio"),
                    lambda: engine.snapshot.endpoint,
                    None,
                    keyring_of(),
                ),
                sign_ins=sign_ins,
                counters=counters,
                gateway=gateway,
                calls=lambda _: False,
                logs=logs,
                dashboard=[DASHBOARD],
                version="1.2.3",
            )
            http = HttpServer(apps.main, apps.at_once)
            socket_path = directory / "s" / "api.sock"
            sockets = await asyncio.to_thread(
                lambda: [bind_tcp(config.listen), bind_unix(socket_path)]
            )
            port = sockets[0].getsockname()[1]
            await storage.open()
            engine.start(config)
            await http.start(sockets)
            engine.announce(f"http://127.0.0.1:{port}/mcp")
            site = Website(engine, source, servers, counters, logs, http, port, socket_path)
            try:
                await site.settled()
                yield site
            finally:
                if engine.snapshot.engine != "stopping":
                    engine.refuse_work()
                await http.stop(1.0)
                await engine.stop_servers(LIMIT)
                await storage.close()
                await sign_ins.stop()
    finally:
        await asyncio.to_thread(logs.close)

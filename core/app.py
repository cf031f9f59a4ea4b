"""The composition root: builds every part, and starts and stops them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TextIO

import msgspec

from core import __version__
from core.clients.served import ServedDesk
from core.config.file import ConfigFile
from core.config.schema import Overrides
from core.config.tokens import SIGN_INS, KeptTokens
from core.doctor.doctor import Doctor
from core.doctor.premises import Premises
from core.engine.clock import LoopClock
from core.engine.engine import Engine
from core.engine.thread import EngineThread
from core.engine.watchdog import Watchdog
from core.errors import ListenError
from core.gateway.endpoint import Endpoint
from core.model.config import Config, Listen, ServerName
from core.model.notices import NoticeCode, Severity
from core.model.status import EnginePhase, Snapshot
from core.ports import Door
from core.registry.late import LateRegistry
from core.search.catalogue import Catalogue
from core.secrets.keyring import Keyring
from core.secrets.vault import DesktopVault
from core.storage.storage import Storage
from core.telemetry.counters import Counters
from core.telemetry.logging import Logs, fields, server_log_name, start_logging
from core.telemetry.stacks import write_stacks
from core.telemetry.systemd import telling_systemd
from core.telemetry.unhandled import Unhandled
from core.upstream.child import Grace
from core.upstream.connection import StdioConnector
from core.upstream.connector import AnyConnector
from core.upstream.conversation import Means
from core.upstream.environment import SearchPath
from core.upstream.http_trust import Trust
from core.upstream.network import NetworkWatch
from core.upstream.ownership import new_mark, take_over
from core.upstream.privates import PrivateConversations
from core.upstream.reaper import Reaper
from core.upstream.sign_ins import LateSignIns
from core.web.app import create_apps
from core.web.serve import HttpServer, bind_tcp, bind_unix
from core.web.wire import diagnostics_json

__all__ = ["EngineThread", "Options", "diagnose", "report", "start"]

START_LIMIT = 30.0  # seconds until the endpoint has to answer

# The whole stop takes 8 s at most: requests end, then servers, then what is left is killed.
REQUESTS_LIMIT = 2.0
SERVERS_LIMIT = 4.0
HURRIED = Grace(after_eof=1.0, after_terminate=2.0)

_CHOOSE_METRICS = 'or choose another port with "observability.metrics.listen" in the config file'

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where things are, and what flags and environment set over the config file."""

    config_file: Path
    log_dir: Path
    owner_file: Path  # tells the next start whose processes to look for
    socket_file: Path  # where the same user's programs reach the engine without a key
    dashboard: tuple[Path, ...]  # the directories with its files
    bridge: tuple[str, ...]  # the command that connects clients which only start programs
    listen: str | None = None
    api_key: str | None = None
    log_level: str | None = None
    console: TextIO | None = None  # where the log goes besides its file

    @property
    def database_file(self) -> Path:
        return self.owner_file.with_name("mcpproxy.db")

    @property
    def tokens_file(self) -> Path:
        return self.owner_file.with_name(SIGN_INS)

    @property
    def overrides(self) -> Overrides:
        return Overrides(listen=self.listen, api_key=self.api_key, log_level=self.log_level)

    def server_log(self, snapshot: Snapshot, name: str) -> Path:
        """The log file of a server."""
        config = snapshot.config.servers.get(ServerName(name))
        return self.log_dir / server_log_name(config.slug if config is not None else name)


def start(options: Options, environ: Mapping[str, str] = os.environ) -> EngineThread:
    """Start the engine on its own thread; returns once its endpoint answers.

    Raises ConfigError, PortInUse, ListenError, AlreadyRunning or PermissionProblem. Servers
    connect afterwards: a slow one delays nothing.
    """
    thread = EngineThread(lambda started: _run(options, environ, started))
    thread.start(START_LIMIT)
    return thread


def diagnose(options: Options, environ: Mapping[str, str] = os.environ) -> Mapping[str, object]:
    """What ``GET /api/v1/diagnostics`` answers, as far as it can be known without an engine."""
    findings = asyncio.run(_doctor_alone(options, environ).examine(None))
    data: Mapping[str, object] = msgspec.to_builtins(diagnostics_json(__version__, findings))
    return data


def report(options: Options, environ: Mapping[str, str] = os.environ) -> bytes:
    """What ``GET /api/v1/diagnostics/bundle`` answers, likewise."""
    return asyncio.run(_doctor_alone(options, environ).bundle(None))


def _doctor_alone(options: Options, environ: Mapping[str, str]) -> Doctor:
    return _doctor(options, environ, SearchPath(environ), Keyring(DesktopVault()))


def _doctor(
    options: Options, environ: Mapping[str, str], search_path: SearchPath, keyring: Keyring
) -> Doctor:
    premises = Premises(
        version=__version__,
        config_file=options.config_file,
        data_dir=options.socket_file.parent,
        log_dir=options.log_dir,
        overrides=options.overrides,
        environ=environ,
    )
    return Doctor(premises, search_path, keyring)


async def _run(
    options: Options, environ: Mapping[str, str], started: Callable[[Door], None]
) -> None:
    source = ConfigFile(options.config_file, options.overrides)
    config = await source.load()
    with ExitStack() as stack:
        logs = start_logging(options.log_dir, config.logging, options.console)
        stack.callback(logs.close)
        sockets = await asyncio.to_thread(_bind, options, config)
        for each in sockets:
            stack.callback(each.close)
        mark = new_mark()
        await asyncio.to_thread(take_over, options.owner_file, mark)
        await _serve(options, environ, source, config, logs, sockets, Reaper(mark), started)


def _bind(options: Options, config: Config) -> list[socket.socket]:
    with ExitStack() as unless_all_are_bound:
        sockets = [unless_all_are_bound.enter_context(bind_tcp(config.listen))]
        if hasattr(socket, "AF_UNIX"):
            sockets.append(unless_all_are_bound.enter_context(bind_unix(options.socket_file)))
        unless_all_are_bound.pop_all()
    return sockets


async def _serve(
    options: Options,
    environ: Mapping[str, str],
    source: ConfigFile,
    config: Config,
    logs: Logs,
    sockets: list[socket.socket],
    reaper: Reaper,
    started: Callable[[Door], None],
) -> None:
    counters = Counters()
    asyncio.get_running_loop().set_exception_handler(Unhandled(counters))
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as parts:
        means = Means(
            version=__version__,
            counters=counters,
            open_log=lambda server: logs.server_log(server.slug),
        )
        keyring = Keyring(DesktopVault(), unlocked=lambda: engine.secret_changed(None))
        stdio = StdioConnector(
            means=means,
            environ=environ,
            keyring=keyring,
            policy=lambda: engine.snapshot.config.environment,
            grace=lambda: HURRIED if engine.snapshot.engine is EnginePhase.STOPPING else Grace(),
            reaper=reaper,
        )
        trust = Trust(environ)
        tokens = KeptTokens(options.tokens_file, keyring)
        sign_ins = LateSignIns(__version__, environ, keyring, trust, tokens)
        parts.push_async_callback(sign_ins.stop)
        connector = AnyConnector(stdio, means, environ, keyring, trust, sign_ins)
        storage = Storage(
            options.database_file,
            counters,
            config=lambda: engine.snapshot.config if engine.snapshot.config.revision else config,
            told=lambda problem: engine.store.set_storage_problem(problem),
            lost=lambda why: engine.store.notice(
                NoticeCode.APPROVALS_LOST, Severity.WARNING, why=why
            ),
        )
        parts.push_async_callback(storage.close)
        engine = Engine(
            source=source,
            connect=connector,
            tasks=tasks,
            clock=LoopClock(),
            counters=counters,
            approvals=storage.approvals,
            sign_ins=sign_ins,
        )
        catalogue = _catalogue(config)
        parts.callback(catalogue.close)
        registry = LateRegistry(
            lambda: engine.snapshot.config.registry_url, storage.cache, __version__
        )
        privates = PrivateConversations(connector, engine)
        parts.push_async_callback(privates.stop)
        gateway = Endpoint(
            door=engine,
            sessions=engine.sessions,
            privates=privates,
            search=catalogue,
            cache=storage.cache,
            registry=registry,
            journal=storage.activity,
            counters=counters,
            version=__version__,
        )
        watchdog = parts.enter_context(
            Watchdog(engine, counters, lambda: str(write_stacks(options.log_dir)))
        )
        parts.enter_context(NetworkWatch(engine.network_up))
        apps = create_apps(
            door=engine,
            sessions=engine.sessions,
            privates=privates,
            doctor=_doctor(options, environ, stdio.search_path, keyring),
            config=source,
            search=catalogue,
            records=storage,
            registry=registry,
            clients=ServedDesk(
                options.config_file,
                options.socket_file.parent,
                environ,
                options.bridge,
                lambda: engine.snapshot.endpoint,
                options.listen,
                keyring,
            ),
            sign_ins=sign_ins,
            counters=counters,
            gateway=gateway.app,
            calls=gateway.app.at_once,
            logs=logs,
            dashboard=options.dashboard,
            version=__version__,
        )
        # Every request is work that could block the loop.
        server = HttpServer(apps.main, apps.at_once, arrived=watchdog.touch)
        metrics = HttpServer(apps.metrics)
        await storage.open()
        engine.start(config)
        _follow_log_settings(engine, logs)
        await server.start(sockets)
        await _open_metrics_port(metrics, config.metrics_listen)
        endpoint = f"http://{_address(sockets[0])}/mcp"
        engine.announce(endpoint)
        log.info("started", extra=fields(version=__version__, endpoint=endpoint, pid=os.getpid()))
        started(engine)
        parts.enter_context(telling_systemd(engine, environ))
        await engine.shutdown_asked.wait()
        log.info("stopping", extra=fields(servers=len(engine.snapshot.servers)))
        engine.refuse_work()
        await _stop(engine, server, metrics)
    await reaper.close()
    log.info("stopped")


async def _open_metrics_port(server: HttpServer, listen: Listen | None) -> None:
    """What watches the program is not to keep it from running."""
    if listen is None:
        return
    try:
        bound = await asyncio.to_thread(bind_tcp, listen, _CHOOSE_METRICS)
    except ListenError as error:
        log.warning("no metrics port", extra=fields(why=str(error)))
        return
    await server.start([bound])
    log.info("metrics port", extra=fields(address=_address(bound)))


def _catalogue(config: Config) -> Catalogue:
    """The search; with a sentence model if the file names one."""
    if not config.search_model:
        return Catalogue()
    from core.search.meaning import SentenceModel

    return Catalogue(SentenceModel(Path(config.search_model).expanduser()))


async def _stop(engine: Engine, server: HttpServer, metrics: HttpServer) -> None:
    """Requests end, then servers; whoever is asked in haste is not waited for."""
    haste = asyncio.create_task(engine.haste_asked.wait(), name="haste")
    haste.add_done_callback(lambda _: server.hurry())
    await asyncio.gather(server.stop(REQUESTS_LIMIT), metrics.stop(REQUESTS_LIMIT))
    servers = asyncio.create_task(engine.stop_servers(SERVERS_LIMIT), name="stop servers")
    await asyncio.wait({servers, haste}, return_when=asyncio.FIRST_COMPLETED)
    haste.cancel()
    if not (servers.done() and servers.result()):
        engine.abandon_servers()
    await servers


def _address(tcp: socket.socket) -> str:
    host, port = tcp.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _follow_log_settings(door: Door, logs: Logs) -> None:
    """Use changed log settings at once."""
    loop = asyncio.get_running_loop()
    subscription = door.subscribe(lambda: loop.call_soon(follow))

    def follow() -> None:
        batch = subscription.take()
        if batch is not None:
            logs.configure(batch.snapshot.config.logging)

    loop.call_soon(follow)

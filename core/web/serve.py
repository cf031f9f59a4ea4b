"""Listening: sockets bound before anything starts, and an HTTP server that idles at no cost.

uvicorn's own server wakes ten times a second and waits for connections by polling; only its
protocol is used here, on the engine's loop.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.asgi import ASGIApp, Receive, Scope, Send
from core.errors import AlreadyRunning, ListenError, PermissionProblem, PortInUse
from core.model.config import Listen
from core.web.port_holder import holder_of
from core.web.seldom import quieten

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

BACKLOG = 1024
KEEP_ALIVE = 75  # seconds: longer than any client keeps one, so that we never close first
PROBE_TIME = 1.0  # seconds for whoever holds a unix socket to answer
CUT_TIME = 1.0  # seconds for connections to end once they are cut

_CHOOSE = 'or choose another port with --listen or "listen" in the config file'


def bind_tcp(listen: Listen, choose: str = _CHOOSE) -> socket.socket:
    """A socket that listens there; clients queue until a server is started on it.

    ``choose`` ends the sentence that tells a person how to choose another port.

    Blocks for moments; on failure it may look through the process table. Raises PortInUse or
    ListenError.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(
            f"{listen.host!r} is no address of this machine ({error.strerror}). "
            "Use 127.0.0.1 as the host of listen."
        ) from error
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            # Windows: without it another program could take the port over.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        # Two sockets may be bound to one port until one listens; so find out now.
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise _why(listen, error, choose) from error
    return bound


def _why(listen: Listen, error: OSError, choose: str) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        who = holder_of(listen.port)
        by = f"is used by {who}. Stop that program" if who else "is already in use"
        return PortInUse(f"Port {listen.port} on {listen.host} {by}, {choose}.")
    if error.errno == errno.EACCES:
        return ListenError(
            f"Port {listen.port} may only be used by an administrator: run with that right, "
            f"{choose} (above 1023)."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ListenError(
            f"{listen.host} is no address of this machine. Use 127.0.0.1 as the host of listen."
        )
    return ListenError(f"Cannot listen on {listen}: {error.strerror}. Check listen, {choose}.")


def bind_unix(path: Path) -> socket.socket:
    """A socket at ``path`` that only this user can reach; clients queue as for ``bind_tcp``.

    The directory is made, or tightened to 0700 if it is ours. A socket that nobody answers on is
    replaced. Blocks for at most a second. Raises AlreadyRunning, PermissionProblem or ListenError.
    """
    _private_directory(path.parent)
    _clear_stale(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise ListenError(
            f"Cannot make the socket {path}: {error.strerror or error}. "
            "Choose another, shorter --data-dir."
        ) from error
    return bound


def _private_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise PermissionProblem(f"{directory} is not a directory. Choose another --data-dir.")
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise PermissionProblem(
                f"Others can write to {directory}, so its socket could be theirs. "
                f"Run: chmod 700 {directory}"
            )
        directory.chmod(0o700)
    except OSError as error:
        raise PermissionProblem(
            f"{directory} is not ours to use: {error.strerror}. Choose another --data-dir."
        ) from error


def _clear_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{path} is in the way and no socket. Move it, or choose --data-dir.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIME)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ListenError(
                f"{path} exists and cannot be asked who uses it: {error.strerror or error}. "
                "Remove it if no MCP Proxy Tray runs."
            ) from error
    raise AlreadyRunning(
        f"Another MCP Proxy Tray answers on {path}. Use that one, or choose another --data-dir."
    )


class HttpServer:
    """Serves one ASGI app on sockets that are already bound; runs on the current loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._listeners: list[asyncio.Server] = []
        self._unix: list[tuple[Path, int]] = []  # socket files that are ours, by inode
        self._all_gone = asyncio.Event()
        self._stopping = False
        self._state: ServerState | None = None
        self._patience: asyncio.Timeout | None = None  # with the requests that still run
        self._hurried = False

    async def start(self, sockets: list[socket.socket]) -> None:
        """Answer on the sockets from now on; they belong to the server then."""
        # uvicorn's modules take a tenth of a second to import: not on the loop.
        config, state = await asyncio.to_thread(_prepare, self._run)
        self._unix = await asyncio.to_thread(_socket_files, sockets)
        from core.web.connection import Connection

        quieten()
        self._state = state
        loop = asyncio.get_running_loop()

        def connect() -> Connection:
            return Connection(config, state, self._connection_ended)

        for each in sockets:
            if _is_unix(each):
                listener = await loop.create_unix_server(connect, sock=each, backlog=BACKLOG)
            else:
                listener = await loop.create_server(connect, sock=each, backlog=BACKLOG)
            self._listeners.append(listener)

    async def stop(self, grace: float) -> None:
        """Take no more connections, close idle ones, give requests ``grace`` seconds, cut.

        Returns after ``grace`` and two seconds at the latest. Streams should have ended before:
        one that has not is cut.
        """
        for listener in self._listeners:
            listener.close()
        state = self._state
        if state is None:
            return
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.to_thread(_remove_own, self._unix)
        if state.tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if self._hurried else grace) as self._patience:
                    await asyncio.wait(state.tasks)
            self._patience = None
        self._stopping = True
        for connection in list(state.connections):
            connection.transport.abort()
        await self._until_all_gone()
        for task in state.tasks:
            task.cancel()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=CUT_TIME)

    def hurry(self) -> None:
        """End the grace that ``stop`` gives, or will give."""
        self._hurried = True
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _until_all_gone(self) -> None:
        self._connection_ended()
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_TIME):
                await self._all_gone.wait()

    def _connection_ended(self) -> None:
        if self._stopping and self._state is not None and not self._state.connections:
            self._all_gone.set()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # Only ``stop`` cancels a request, after its connection is gone; uvicorn would log
            # that as a bug of the app.
            if not self._stopping:
                raise


def _is_unix(each: socket.socket) -> bool:
    return each.family == getattr(socket, "AF_UNIX", None)


def _socket_files(sockets: list[socket.socket]) -> list[tuple[Path, int]]:
    paths = [Path(each.getsockname()) for each in sockets if _is_unix(each)]
    return [(path, path.lstat().st_ino) for path in paths]


def _remove_own(files: list[tuple[Path, int]]) -> None:
    """A file that another start has put in our place stays."""
    for path, inode in files:
        with suppress(OSError):
            if path.lstat().st_ino == inode:
                path.unlink()


def _prepare(app: ASGIApp) -> tuple[Config, ServerState]:
    import uvicorn.protocols.http.httptools_impl
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    config = Config(
        app,
        http=uvicorn.protocols.http.httptools_impl.HttpToolsProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE,
    )
    config.load()
    return config, ServerState()

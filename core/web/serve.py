"""Listening: sockets bound before anything starts, and an HTTP server that idles at no cost."""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.asgi import ASGIApp, AtOnce, Turn
from core.errors import AlreadyRunning, ListenError, PermissionProblem, PortInUse
from core.model.config import Listen
from core.web.connection import Connection, Host
from core.web.port_holder import holder_of

BACKLOG = 1024
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


def _never(turn: Turn) -> bool:
    return False


def _no_matter() -> None:
    """Nobody has to know."""


class HttpServer:
    """Serves one ASGI app on sockets that are already bound; runs on the current loop.

    ``at_once`` may answer what needs no task; ``arrived`` is told of every request.
    """

    def __init__(
        self, app: ASGIApp, at_once: AtOnce = _never, arrived: Callable[[], None] = _no_matter
    ) -> None:
        self.host = Host(app=app, at_once=at_once, arrived=arrived, eased=self._eased)
        self._listeners: list[asyncio.Server] = []
        self._unix: list[tuple[Path, int]] = []  # socket files that are ours, by inode
        self._ease = asyncio.Event()
        self._patience: asyncio.Timeout | None = None  # with the requests that still run
        self._hurried = False

    async def start(self, sockets: list[socket.socket]) -> None:
        """Answer on the sockets from now on; they belong to the server then."""
        self._unix = await asyncio.to_thread(_socket_files, sockets)
        loop = asyncio.get_running_loop()

        def connect() -> Connection:
            return Connection(self.host)

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
        host = self.host
        for connection in tuple(host.connections):
            connection.leave()
        await asyncio.to_thread(_remove_own, self._unix)
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._hurried else grace) as self._patience:
                await self._until(self._is_idle)
        self._patience = None
        for connection in tuple(host.connections):
            connection.transport.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_TIME):
                await self._until(lambda: not host.connections)
        for task in host.tasks:
            task.cancel()
        if host.tasks:
            await asyncio.wait(host.tasks, timeout=CUT_TIME)

    def hurry(self) -> None:
        """End the grace that ``stop`` gives, or will give."""
        self._hurried = True
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    def _is_idle(self) -> bool:
        return not self.host.tasks and not any(each.busy for each in self.host.connections)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._ease.clear()
            await self._ease.wait()

    def _eased(self) -> None:
        self._ease.set()


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

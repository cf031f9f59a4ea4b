"""From a host's name to an open connection: names, addresses, a proxy, and TLS.

Nothing here blocks the loop, and nothing waits longer than its limit: names are looked up in
threads of their own, since a silent name server can hold one for half a minute, and the pools of
threads have other work.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from core.upstream.http_route import Route
from core.upstream.http_wire import Wire

CONNECT_LIMIT = 10.0  # seconds until a connection has to be open, TLS included
NEXT_ADDRESS = 0.25  # seconds after which the next address is tried as well (RFC 8305, §5)
MOST_LOOKUPS = 16  # at the same time

_lookups = threading.BoundedSemaphore(MOST_LOOKUPS)
Address = tuple[socket.AddressFamily, Any]


class NoName(OSError):
    """The host's name has no address; ``str()`` says what the name server said."""


class BadProxy(OSError):
    """The proxy would not connect us; ``str()`` says why."""


class NotPermitted(OSError):
    """The host lies where it may not be asked."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens connections along one route. ``context`` is used where the route asks for TLS.

    ``permits`` says of each IP address whether it may be asked; where a proxy is on the way, it is
    the proxy that knows them.
    """

    route: Route
    context: ssl.SSLContext | None
    permits: Callable[[str], bool] | None = None

    async def open(self, wire: Callable[[], Wire]) -> Wire:
        """Raises OSError and its kinds: NoName, BadProxy, NotPermitted, ssl.SSLError,
        TimeoutError."""
        async with asyncio.timeout(CONNECT_LIMIT):
            return await self._open(wire)

    async def _open(self, wire: Callable[[], Wire]) -> Wire:
        loop = asyncio.get_running_loop()
        route = self.route
        addresses = await addresses_of(*(route.proxy or route.target))
        if self.permits is not None and route.proxy is None:
            # Of the addresses that are connected to, so that a second look-up changes nothing.
            addresses = [each for each in addresses if self.permits(each[1][0])]
            if not addresses:
                raise NotPermitted
        sock = await _connected(addresses)
        with ExitStack() as unless_made:
            unless_made.callback(sock.close)
            _keep_watch(sock)
            if route.proxy is not None and route.tls:
                await _tunnel(sock, route)
            name = route.host if self.context is not None else None
            _, made = await loop.create_connection(
                wire, sock=sock, ssl=self.context, server_hostname=name
            )
            unless_made.pop_all()
        return made


async def addresses_of(host: str, port: int) -> list[Address]:
    """All addresses, the two families in turn (RFC 8305, §4). Raises NoName."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def tell(result: list[Address] | OSError) -> None:
        if found.done():
            return
        if isinstance(result, OSError):
            found.set_exception(result)
        else:
            found.set_result(result)

    def look_up() -> None:
        result: list[Address] | OSError
        with _lookups:
            try:
                infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                result = [(family, address) for family, _, _, _, address in infos]
            except socket.gaierror as error:
                result = NoName(error.strerror or str(error))
            except UnicodeError:
                result = NoName("it is no valid host name")
            except OSError as error:
                result = error
        with suppress(RuntimeError):  # the loop is closed, so nobody wants to know
            loop.call_soon_threadsafe(tell, result)

    # A daemon, for nothing can end a look-up, and the program's end must not wait for it.
    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    addresses = await found
    sixes = [each for each in addresses if each[0] == socket.AF_INET6]
    fours = [each for each in addresses if each[0] != socket.AF_INET6]
    longest = max(len(sixes), len(fours))
    return [each[i] for i in range(longest) for each in (sixes, fours) if i < len(each)]


async def _connected(addresses: list[Address]) -> socket.socket:
    """A socket connected to the first address that answers, tried one after the other but not
    waiting long for any. Raises OSError."""
    attempts: dict[asyncio.Future[None], socket.socket] = {}
    left = list(addresses)
    failure: OSError = NoName("it has no address")
    try:
        while left or attempts:
            if left:
                family, address = left.pop(0)
                sock = socket.socket(family, socket.SOCK_STREAM)
                sock.setblocking(False)
                attempts[asyncio.ensure_future(_connect(sock, address))] = sock
            done, _ = await asyncio.wait(
                attempts,
                timeout=NEXT_ADDRESS if left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                sock = attempts.pop(attempt)
                error = attempt.exception()
                if error is None:
                    return sock
                sock.close()
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        for attempt, sock in attempts.items():
            attempt.cancel()
            await asyncio.wait([attempt])
            if not attempt.cancelled():
                attempt.exception()
            sock.close()


async def _connect(sock: socket.socket, address: Any) -> None:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        await loop.sock_connect(sock, address)
        return
    # uvloop would start a pool of threads to resolve what is resolved already.
    error = sock.connect_ex(address)
    if error == errno.EINPROGRESS:
        connected = asyncio.Event()
        loop.add_writer(sock, connected.set)
        try:
            await connected.wait()
        finally:
            loop.remove_writer(sock)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _keep_watch(sock: socket.socket) -> None:
    """Small messages go at once, and a peer that vanished is noticed within two minutes."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        number = getattr(socket, option, None)
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


async def _tunnel(sock: socket.socket, route: Route) -> None:
    """Ask the proxy for a way through (RFC 9110, §9.3.6). Raises BadProxy, OSError."""
    loop = asyncio.get_running_loop()
    host, port = route.target
    name = f"[{host}]" if ":" in host else host
    lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}"]
    if route.proxy_login:
        lines.append(f"Proxy-Authorization: {basic(route.proxy_login)}")
    await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    said = b""
    while b"\r\n\r\n" not in said:
        # Byte by byte at the end would be needed if a server spoke before its client; TLS does not.
        piece = await loop.sock_recv(sock, 4096)
        said += piece
        if not piece or len(said) > 65536:
            raise BadProxy("it ended the connection")
    status = said.split(b"\r\n", 1)[0].decode("latin-1")
    code = status.split(" ")[1:2]
    if not code or not code[0].startswith("2"):
        raise BadProxy(f"it answered {status[:80]!r}")


def basic(login: str) -> str:
    """The value that proves a login, ``user:password`` (RFC 7617)."""
    return "Basic " + base64.b64encode(login.encode()).decode()

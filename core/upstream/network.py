"""Learn that there is a network again, from the system and without asking again and again.

Linux tells of a new default route (rtnetlink(7), RTM_NEWROUTE with no destination). Elsewhere
nothing is told, and servers by URL are tried again by their timers and by those who call them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Self

SETTLED = 1.0  # seconds after a route is there: addresses and names may come a moment later
NETLINK_ROUTE = 0
GROUPS = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
NEW_ROUTE = 24  # RTM_NEWROUTE
MAIN_TABLE = 254  # RT_TABLE_MAIN
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, sender
ROUTE = struct.Struct("=BBBBB")  # rtmsg begins: family, bits of destination, of source, tos, table
LARGEST = 64 * 1024  # bytes read at once

log = logging.getLogger(__name__)


class NetworkWatch:
    """Calls ``up`` on the running loop, inside a ``with``, after a way out of here has come."""

    def __init__(self, up: Callable[[], object], settled: float = SETTLED) -> None:
        self._up = up
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if sys.platform == "linux":
            told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
            try:
                told.setblocking(False)
                told.bind((0, GROUPS))
            except OSError as error:
                told.close()
                why = error.strerror or str(error)
                log.warning("the network is not watched", extra={"fields": {"why": why}})
                return self
            self._socket = told
            self._loop.add_reader(told.fileno(), self._read)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        assert self._socket is not None
        try:
            news = self._socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:  # more news than there was room for: something has changed
            news = None
        if news is not None and not any(is_way_out(kind, body) for kind, body in messages(news)):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._settled, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._up()


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message in what was read at once (netlink(7))."""
    while len(data) >= HEADER.size:
        length, kind, *_ = HEADER.unpack_from(data)
        if not HEADER.size <= length <= len(data):
            return
        yield kind, data[HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def is_way_out(kind: int, body: bytes) -> bool:
    """Whether a message tells of a new default route."""
    if kind != NEW_ROUTE or len(body) < ROUTE.size:
        return False
    _, destination, _, _, table = ROUTE.unpack_from(body)
    return bool(destination == 0 and table == MAIN_TABLE)

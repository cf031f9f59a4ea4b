"""Tells when a socket file appears in a directory, without asking again and again (Linux)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

IN_ATTRIB, IN_MOVED_TO, IN_CREATE = 0x4, 0x80, 0x100  # <sys/inotify.h>
EVENT = struct.Struct("iIII")  # wd, mask, cookie, length of the name that follows
BUFFER = 64 * 1024


class SocketWatch:
    """An inotify watch on the directory of ``socket``.

    A change of mode counts too: a daemon binds, then listens, then opens the file's mode to
    others, so that the last event comes when a connection can succeed.

    Raises OSError when the directory cannot be watched. Belongs to the running loop.
    """

    def __init__(self, socket: Path) -> None:
        self._name = os.fsencode(socket.name)
        self._touched = asyncio.Event()
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _os_error(socket.parent)
        mask = IN_ATTRIB | IN_MOVED_TO | IN_CREATE
        if libc.inotify_add_watch(self._fd, os.fsencode(socket.parent), mask) < 0:
            error = _os_error(socket.parent)
            os.close(self._fd)
            raise error
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    async def touched(self) -> None:
        """Return when the socket was made or changed since the last call."""
        await self._touched.wait()
        self._touched.clear()

    def _read(self) -> None:
        events = os.read(self._fd, BUFFER)
        at = 0
        while at < len(events):
            _, _, _, length = EVENT.unpack_from(events, at)
            at += EVENT.size + length
            if events[at - length : at].rstrip(b"\0") == self._name:
                self._touched.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


def _os_error(directory: Path) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), str(directory))

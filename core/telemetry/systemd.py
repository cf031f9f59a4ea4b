"""Tells systemd how the program is, when systemd started it and asked to be told (sd_notify(3)).

Messages are datagrams on a socket that the environment names; nobody waits for an answer. The
watchdog is fed from the engine's own loop, so that a loop that stands still is noticed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from core.model.headline import headline
from core.model.status import EnginePhase
from core.ports import Door

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
WATCHDOG_PID = "WATCHDOG_PID"
PER_SECOND = 1_000_000

log = logging.getLogger(__name__)


@contextmanager
def telling_systemd(door: Door, environ: Mapping[str, str]) -> Iterator[None]:
    """Say that the program is ready, then what it is doing, until the end of the ``with``.

    To be entered on the loop that serves, once it does. Without systemd nothing is done.
    """
    address = _address(environ.get(SOCKET, ""))
    if address is None:
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unbound:
        unbound.setblocking(False)
        teller = _Teller(door, unbound, address, _interval(environ))
        try:
            yield
        finally:
            teller.close()


class _Teller:
    def __init__(
        self, door: Door, unbound: socket.socket, address: str, interval: float | None
    ) -> None:
        self._door = door
        self._socket = unbound
        self._address = address
        self._interval = interval
        self._told = ""
        self._due = False
        self._closed = False
        self._fed: asyncio.TimerHandle | None = None
        self._changes = door.subscribe(self._wake)
        self._tell()
        self._feed()

    def close(self) -> None:
        self._tell()
        self._closed = True
        self._changes.close()
        if self._fed is not None:
            self._fed.cancel()

    def _wake(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._due = False
        if self._closed:
            return
        self._changes.take()
        snapshot = self._door.snapshot
        words = f"STATUS={headline(snapshot)}"
        if words == self._told:
            return
        if snapshot.engine is EnginePhase.STOPPING:
            self._send(f"STOPPING=1\n{words}")
        elif not self._told:
            self._send(f"READY=1\n{words}")
        else:
            self._send(words)
        self._told = words

    def _feed(self) -> None:
        if self._interval is None:
            return
        self._send("WATCHDOG=1")
        # Half the time systemd gives, as sd_watchdog_enabled(3) advises.
        self._fed = asyncio.get_running_loop().call_later(self._interval / 2, self._feed)

    def _send(self, message: str) -> None:
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told", extra={"fields": {"why": str(error)}})


def _address(name: str) -> str | None:
    """A path, or a name in the abstract namespace; other transports are not for us."""
    if name.startswith("/"):
        return name
    return f"\0{name[1:]}" if name.startswith("@") else None


def _interval(environ: Mapping[str, str]) -> float | None:
    """Seconds within which systemd wants a sign of life from this very process."""
    if environ.get(WATCHDOG_PID, str(os.getpid())) != str(os.getpid()):
        return None
    with suppress(ValueError):
        microseconds = int(environ.get(WATCHDOG, ""))
        return microseconds / PER_SECOND if microseconds > 0 else None
    return None

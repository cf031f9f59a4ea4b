"""What requests to one server prove who asks with: one for all connections to it, kept fresh.

A connection knows a line for the head of each request, and whether a new one is to be had when it
was refused. Many requests refused at once make one renewal (F32); a renewal that has begun goes on
to its end, since the old means to renew may be worth nothing after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from core.ports import Timer
from core.upstream.oauth_challenge import Challenge
from core.upstream.oauth_kept import Kept

SOONEST = 5.0  # seconds; tokens that live shorter are renewed when they are refused


class Proof(Protocol):
    """As the parts of a connection see it."""

    line: bytes
    challenge: Challenge

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""

    @property
    def may_sign_in(self) -> bool:
        """Whether a person could sign in, rather than put a key into the config file."""

    def renew(self, refused: bytes) -> asyncio.Future[bool] | None:
        """Whether there is another line than the refused one, in a while; None: not to be had."""


class Fixed:
    """What the config file says, or nothing: it is never renewed."""

    may_sign_in = False
    secrets = ()

    def __init__(self) -> None:
        self.line = b""
        self.challenge = Challenge()

    def renew(self, refused: bytes) -> None:
        return


class Grant:
    """``now`` is seconds since 1970, ``later`` calls after so many seconds; ``renewal`` makes and
    starts one, which answers whether there is a new token now."""

    may_sign_in = True

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        later: Callable[[float, Callable[[], object]], Timer],
        renewal: Callable[[Grant], asyncio.Task[bool]],
    ) -> None:
        self.url = url
        self.line = b""
        self.challenge = Challenge()  # what the server wanted last
        self.kept: Kept | None = None
        self.trouble: BaseException | None = None  # why the last renewal brought nothing
        self._now = now
        self._later = later
        self._renewal = renewal
        self._running: asyncio.Task[bool] | None = None
        self._timer: Timer | None = None
        self._users = 0

    def take(self, kept: Kept | None) -> None:
        """From now on this, or nothing."""
        self.kept = kept
        self.line = b"" if kept is None else b"Authorization: Bearer %b\r\n" % kept.access.encode()
        self.trouble = None
        self._watch()

    @contextmanager
    def used(self) -> Iterator[None]:
        """While a connection is there."""
        self._users += 1
        self._watch()
        try:
            yield
        finally:
            self._users -= 1
            self._watch()

    @property
    def secrets(self) -> tuple[str, ...]:
        kept = self.kept
        held = (kept.access, kept.refresh, kept.client.secret) if kept is not None else ()
        return tuple(each for each in held if each)

    @property
    def stale(self) -> bool:
        """Whether it should be renewed before it is used."""
        return self.kept is not None and self.kept.renew_in(self._now()) == 0.0

    def renew(self, refused: bytes) -> asyncio.Future[bool] | None:
        if self.line != refused:  # it was renewed since
            there = asyncio.get_running_loop().create_future()
            there.set_result(bool(self.line))
            return there
        if self.kept is None or not self.kept.refresh:
            return None
        if self._running is None or self._running.done():
            self._running = self._renewal(self)
        return self._running

    def _watch(self) -> None:
        """While it is used, renew it ahead of its end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.kept.renew_in(self._now()) if self.kept is not None and self._users else None
        if due is not None and self.trouble is None:
            self._timer = self._later(max(due, SOONEST), self._due)

    def _due(self) -> None:
        self._timer = None
        self.renew(self.line)

"""Browsers that were let in: codes that open the dashboard once, and the visits they begin.

A visit is proved by two secrets. The cookie is out of the reach of scripts, but a browser shows
it to every port of the host; the proof is in the page's own storage, which no other port can
read. Neither is worth anything without the other (docs/decisions/0034).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hmac import compare_digest

CODE_LIFE = 60.0  # seconds from asking for a code to the page it opens
VISIT_LIFE = 7 * 24 * 3600.0  # seconds
MOST_CODES = 16
MOST_VISITS = 16


def cookie_name(port: int) -> str:
    """Carries the port, as cookies of one host are shared by all of its ports."""
    return f"mcpproxy_{port}"


@dataclass(frozen=True, slots=True)
class Begun:
    """The two halves of a visit; the only time they are told."""

    cookie: str
    proof: str


@dataclass(frozen=True, slots=True)
class _Code:
    until: float
    asker: int | None


@dataclass(frozen=True, slots=True)
class _Visit:
    until: float
    cookie: bytes  # its digest, as is everything here that a dump of memory could show
    key: bytes


class Visits:
    """Kept in memory only: a restart ends all of them, and so does another key.

    ``now`` gives monotonic seconds, ``secret`` 256 random bits as text.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        secret: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._now = now
        self._secret = secret
        self._codes: dict[bytes, _Code] = {}
        self._visits: dict[bytes, _Visit] = {}

    def code(self, asker: int | None) -> str:
        """A code that is good once, soon, and for the user who asked, if that is known."""
        code = self._secret()
        _make_room(self._codes, MOST_CODES)
        self._codes[_digest(code)] = _Code(self._now() + CODE_LIFE, asker)
        return code

    def begin(self, code: str, comer: int | None, key: str) -> Begun | None:
        """Exchange a code for a visit under the key of today; None if the code is not good.

        What another user brings, who may have read it in the list of processes, is not used up.
        """
        digest = _digest(code)
        known = self._codes.get(digest)
        if known is None or (None not in (known.asker, comer) and known.asker != comer):
            return None
        del self._codes[digest]
        if known.until < self._now():
            return None
        begun = Begun(self._secret(), self._secret())
        _make_room(self._visits, MOST_VISITS)
        self._visits[_digest(begun.proof)] = _Visit(
            self._now() + VISIT_LIFE, _digest(begun.cookie), _digest(key)
        )
        return begun

    def holds(self, proof: bytes, cookies: Iterable[bytes], key: bytes) -> bool:
        """Whether the proof and one of the cookies belong to a visit that lasts."""
        visit = self._visits.get(hashlib.sha256(proof).digest())
        if visit is None or visit.until < self._now():
            return False
        if not compare_digest(visit.key, hashlib.sha256(key).digest()):
            return False
        # Another port of the host may have set a cookie of our name too.
        return any(compare_digest(visit.cookie, hashlib.sha256(each).digest()) for each in cookies)

    def end(self, proof: str) -> None:
        """Sign out."""
        self._visits.pop(_digest(proof), None)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _make_room(kept: dict[bytes, _Code] | dict[bytes, _Visit], most: int) -> None:
    """The oldest goes first; a dict keeps the order in which things were put in."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)))

"""Calls that wait for their client to answer a question of the server's.

A stateless client is asked by way of a result, ``input_required``, and comes back with another
request (MCP 2026-07-28, basic/patterns/mrtr). Meanwhile the call stays open here. The state it
brings back says which call it means and is signed, so that nobody can take up another's.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from core.gateway.refusal import Refusal
from core.protocol.codes import Code
from core.protocol.meta import RETRY_MEMBERS, members_of

PREFIX = "mpt1."
PARKED_MOST = 256
PARKED_FOR = 600.0  # seconds a person has to answer
ANEW = "anew"  # instead of a call's id: nothing waits, the request is simply made again

_DIGEST_LEFT_OUT = RETRY_MEMBERS | {"_meta"}


class Waiting(Protocol):
    """A call that can be given up."""

    def cancel(self, reason: str) -> None: ...


T = TypeVar("T", bound=Waiting)


@dataclass(frozen=True, slots=True)
class Intent:
    """Who asked, where and for what; a request comes back as the same or not at all."""

    principal: bytes
    surface: str
    method: str
    params: bytes

    def digest(self) -> bytes:
        """The same for a request and its retry, which differ in id, answers and ``_meta``."""
        members = members_of(self.params)
        parts = [self.principal, self.surface.encode(), self.method.encode()]
        for name in sorted(members.keys() - _DIGEST_LEFT_OUT):
            parts += [name.encode(), bytes(members[name])]
        digest = hashlib.sha256()
        for part in parts:
            digest.update(b"%d:" % len(part))
            digest.update(part)
        return digest.digest()


@dataclass(frozen=True, slots=True)
class _Place(Generic[T]):
    call: T
    timer: asyncio.TimerHandle


class Parked(Generic[T]):
    """All of them, bounded in number and age."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._places: dict[str, _Place[T]] = {}

    @property
    def full(self) -> bool:
        return len(self._places) >= PARKED_MOST

    def __len__(self) -> int:
        return len(self._places)

    def put(self, call: T, intent: Intent) -> str:
        """Keep a call; returns the state with which it can be taken out again, once."""
        place = secrets.token_urlsafe(16)
        timer = asyncio.get_running_loop().call_later(PARKED_FOR, self._expire, place)
        self._places[place] = _Place(call, timer)
        return self._state(place, intent)

    def anew(self, intent: Intent) -> str:
        """A state for a request that is simply made again once the questions are answered."""
        return self._state(ANEW, intent)

    def take(self, state: str, intent: Intent) -> T | None:
        """The call that a request comes back to; None: make it anew. Raises Refusal."""
        place, _, signature = state.removeprefix(PREFIX).partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(place, intent).encode()):
            raise Refusal(
                Code.INVALID_PARAMS,
                "This requestState was not given for this request: it is somebody else's, was "
                "changed, or is from before a restart of MCP Proxy Tray.",
            )
        if place == ANEW:
            return None
        found = self._places.pop(place, None)
        if found is None:
            raise Refusal(
                Code.INVALID_PARAMS,
                "Nothing waits for these answers any more: they were given already, or later "
                f"than {PARKED_FOR:g} s. Make the request again without requestState.",
            )
        found.timer.cancel()
        return found.call

    def close(self) -> None:
        """Give all of them up."""
        for place in list(self._places):
            self._places[place].timer.cancel()
            self._give_up(place, "MCP Proxy Tray is stopping.")

    def _expire(self, place: str) -> None:
        self._give_up(place, "The question was not answered in time.")

    def _give_up(self, place: str, reason: str) -> None:
        self._places.pop(place).call.cancel(reason)

    def _state(self, place: str, intent: Intent) -> str:
        return f"{PREFIX}{place}.{self._sign(place, intent)}"

    def _sign(self, place: str, intent: Intent) -> str:
        told = b"%b:%b" % (place.encode(), intent.digest())
        return hmac.new(self._secret, told, hashlib.sha256).hexdigest()


def state_is_ours(state: msgspec.Raw) -> bool:
    """Whether a ``requestState``, as JSON, looks like one of those given here."""
    return bytes(state).startswith(b'"' + PREFIX.encode())

"""One token for all connections to a server, renewed once whoever asks and ahead of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from core.upstream.oauth_grant import SOONEST, Grant
from core.upstream.oauth_kept import Client, Kept, Tokens, kept_in, text_of

URL = "https://x.example/mcp"
NOW = 1000.0


def kept(access: str = "first", **changes: object) -> Kept:
    usual: dict[str, object] = {
        "resource": URL,
        "issuer": "https://as.example",
        "token_endpoint": "https://as.example/token",
        "client": Client(id="we", secret="quiet"),
        "access": access,
        "refresh": "again",
    }
    return Kept(**{**usual, **changes})


@dataclass
class Waiting:
    """A timer that the test lets go off."""

    delay: float
    call: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Renewing:
    """Renews when it is let; ``begun`` counts how often it was asked to."""

    def __init__(self, *, works: bool = True) -> None:
        self.begun = 0
        self.may = asyncio.Event()
        self._works = works
        self.tasks: list[asyncio.Task[bool]] = []
        self.timers: list[Waiting] = []
        self.grant = Grant(URL, lambda: NOW, self._later, self._start)

    def _later(self, delay: float, call: Callable[[], object]) -> Waiting:
        self.timers.append(Waiting(delay, call))
        return self.timers[-1]

    def _start(self, grant: Grant) -> asyncio.Task[bool]:
        self.begun += 1
        self.tasks.append(asyncio.create_task(self._renew(grant)))
        return self.tasks[-1]

    async def _renew(self, grant: Grant) -> bool:
        await self.may.wait()
        if self._works:
            grant.take(kept("second"))
        return self._works


async def test_many_refusals_are_one_renewal() -> None:
    """F32: all who were refused wait for the same, and who comes later finds it done."""
    renewing = Renewing()
    grant = renewing.grant
    grant.take(kept())
    old = grant.line
    waiting = [grant.renew(old) for _ in range(50)]
    renewing.may.set()
    assert await asyncio.gather(*(each for each in waiting if each is not None)) == [True] * 50
    assert renewing.begun == 1
    assert grant.line == b"Authorization: Bearer second\r\n"
    later = grant.renew(old)
    assert later is not None
    assert await later
    assert renewing.begun == 1


async def test_what_cannot_be_renewed() -> None:
    """Nobody signed in, or there is nothing to renew it with; and after signing out there is
    nothing to send."""
    renewing = Renewing(works=False)
    grant = renewing.grant
    assert grant.renew(b"") is None
    grant.take(kept(refresh=""))
    assert grant.renew(grant.line) is None
    old = grant.line
    grant.take(None)
    assert grant.line == b""
    there = grant.renew(old)
    assert there is not None
    assert not await there
    grant.take(kept())
    renewing.may.set()
    failed = grant.renew(grant.line)
    assert failed is not None
    assert not await failed


@pytest.mark.parametrize(
    ("expires_in", "due"), [(3600.0, 3540.0), (100.0, 90.0), (1.0, SOONEST), (None, None)]
)
async def test_it_is_renewed_ahead_of_its_end_while_it_is_used(
    expires_in: float | None, due: float | None
) -> None:
    """A minute or a tenth of its life before; not more often than makes sense."""
    renewing = Renewing()
    grant = renewing.grant
    grant.take(kept().with_tokens(Tokens(access="t", expires_in=expires_in), NOW))
    assert not grant.stale
    assert renewing.timers == [], "nobody uses it"
    with grant.used():
        assert [timer.delay for timer in renewing.timers] == ([] if due is None else [due])
        for timer in renewing.timers:
            timer.call()
        assert renewing.begun == len(renewing.timers)
        renewing.may.set()
        await asyncio.gather(*renewing.tasks)
    assert all(timer.cancelled for timer in renewing.timers[1:]), "nor any more"


def test_what_is_kept_is_for_its_server() -> None:
    """It comes back as it was, for that address and no other; and no word shows it."""
    whole = kept(scopes=("a",), expires_at=5.0)
    assert kept_in(text_of(whole), f"{URL}?key=x") == whole
    assert kept_in(text_of(whole), "https://y.example/mcp") is None
    assert kept_in(None, URL) is None
    assert kept_in('{"of": "another version"}', URL) is None
    assert all(secret not in repr(whole) for secret in ("first", "again", "quiet"))
    assert whole.renew_in(NOW) == 0.0
    newer = whole.with_tokens(Tokens(access="b"), NOW)
    assert (newer.refresh, newer.expires_at) == ("again", None)

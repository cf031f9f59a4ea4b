"""Who has a conversation for itself, for how long, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from core.gateway.clients import Client, visitor
from core.gateway.leases import IDLE_MOST, Leases
from core.gateway.refusal import Refusal
from core.protocol.calls import Ask, ConnectionLost, Hello, Reply, TooBusy
from core.protocol.meta import Terms
from tests.engine.running import Running, running
from tests.fakes.connector import FakeSession
from tests.fakes.privates import FakePrivates
from tests.fakes.source import server

ABLE = b'{"roots":{},"elicitation":{}}'


@pytest.fixture
async def world() -> AsyncIterator[Running]:
    config = server("one")
    servers = [
        config,
        replace(server("apart"), isolation="per_client"),
        replace(server("together"), isolation="shared"),
    ]
    async with running(*servers) as started:
        yield started


def session_of(declared: bytes = ABLE) -> Client:
    return Client("s/one", "2025-11-25", declared=declared)


def visit(declared: bytes = ABLE) -> Client:
    return visitor("s/one", Terms("2026-07-28", declared))


class Shared(FakeSession):
    """The conversation all share, about which something is known."""

    def __init__(self, *, asks: bool = False, roots: bool = False, questions: int = 0) -> None:
        self.asks_clients = asks
        self.uses_roots = roots
        self.questions_open = questions


async def test_clients_share_until_that_is_unsafe(world: Running) -> None:
    """auto: apart once it asked ambiguously, waits for an answer, or wants roots of a session."""
    leases = Leases(world.engine, FakePrivates())
    table = [
        (Shared(), False, False),
        (Shared(asks=True), True, True),
        (Shared(questions=1), True, True),
        (Shared(roots=True), True, False),
    ]
    for shared, with_session, without in table:
        assert leases.apart(session_of(), "one", shared) is with_session
        assert leases.apart(visit(), "one", shared) is without
        assert not leases.apart(session_of(b"{}"), "one", shared)
    assert not leases.apart(session_of(b'{"sampling":{}}'), "one", Shared(roots=True))


async def test_the_config_can_say_always_or_never(world: Running) -> None:
    """per_client and shared hold whatever the server does, but for servers without sessions."""
    leases = Leases(world.engine, FakePrivates())
    assert leases.apart(session_of(b"{}"), "apart", Shared())
    assert leases.apart(visit(b"{}"), "apart", Shared())
    assert not leases.apart(session_of(), "together", Shared(asks=True, roots=True))
    stateless = Shared(asks=True)
    stateless.hello = Hello("2026-07-28")
    assert not leases.apart(session_of(), "apart", stateless)


async def test_a_session_keeps_its_own_until_it_leaves(world: Running) -> None:
    """One is opened however many requests come at once, and it is closed with the session."""
    privates = FakePrivates()
    privates.slow = asyncio.Event()
    leases, client = Leases(world.engine, privates), session_of()
    taking = [asyncio.create_task(leases.take(client, "one")) for _ in range(5)]
    asyncio.get_running_loop().call_soon(privates.slow.set)
    sessions = {id(session) for session in await asyncio.gather(*taking)}
    assert len(sessions) == len(privates.opened) == 1
    assert leases.apart(client, "one", Shared())
    own = leases.own(client, "one")
    assert own is not None
    leases.give_back(client, "one", own)
    leases.left(client)
    await asyncio.sleep(0)
    assert privates.closed == [own]
    assert not leases.apart(client, "one", Shared())


async def test_requests_without_a_session_take_turns(world: Running) -> None:
    """A conversation is used by one at a time, again by the next, and only some are kept."""
    privates = FakePrivates()
    leases, client = Leases(world.engine, privates), visit()
    first, second = await leases.take(client, "one"), await leases.take(visit(), "one")
    assert first is not second
    leases.give_back(client, "one", first)
    assert await leases.take(visit(), "one") is first
    assert await leases.take(visit(b"{}"), "one") is not first
    for _ in range(IDLE_MOST + 1):
        leases.give_back(client, "one", FakeSession())
    assert len(privates.closed) == 1


async def test_what_cannot_be_had_is_refused_in_words(world: Running) -> None:
    """Too many, or a server that does not start again: the client learns which and why."""
    privates = FakePrivates()
    leases = Leases(world.engine, privates)
    for failure, words in ((TooBusy("all taken"), "too busy"), (ConnectionLost("x"), "alone: x")):
        privates.failure = failure
        for client in (session_of(), visit()):
            with pytest.raises(Refusal, match=words):
                await leases.take(client, "one")
    privates.failure = None
    assert await leases.take(session_of(), "one")


async def test_what_is_asked_outside_a_call_goes_to_the_open_stream_or_back(
    world: Running,
) -> None:
    """A session that listens gets the question; anybody else's server gets an error at once."""
    privates = FakePrivates()
    leases, client = Leases(world.engine, privates), session_of()
    await leases.take(client, "one")
    await leases.take(visit(), "one")
    answers: list[Reply] = []
    for asked in privates.asked:
        asked(Ask("roots/list", b"{}", answers.append))
    assert [reply.error is not None for reply in answers] == [True, True]
    client.streams = 1
    privates.asked[0](Ask("roots/list", b"{}", answers.append))
    assert b'"roots/list"' in (await client.told(1))[0]
    assert len(answers) == 2

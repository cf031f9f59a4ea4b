"""Conversations that one client has for itself, beside the server's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from core.model.config import ServerConfig, ServerName
from core.model.faults import Fault
from core.model.status import Phase
from core.ports import Link
from core.protocol.calls import Ask, ConnectionLost, TooBusy
from core.upstream.conversation import Terms
from core.upstream.privates import MOST, PrivateConversations
from tests.engine.running import Running, running
from tests.fakes.clock import settle
from tests.fakes.connector import CRASH, FakePeer
from tests.fakes.source import server

A = ServerName("a")
LIMIT = 15.0


def nobody(ask: Ask) -> None:
    raise AssertionError("nothing is asked")


class Opened:
    """Opens fake connections and keeps them, with what they were to be told."""

    def __init__(self) -> None:
        self.peers: list[FakePeer] = []
        self.terms: list[Terms] = []
        self.refuse: Fault | None = None
        self.over = asyncio.Event()  # set when one has ended

    async def __call__(self, config: ServerConfig, link: Link, terms: Terms) -> Fault | None:
        if self.refuse is not None:
            return self.refuse
        peer = FakePeer(config, link)
        self.peers.append(peer)
        self.terms.append(terms)
        peer.connect()
        try:
            return await peer.serve()
        finally:
            self.over.set()

    @property
    def open(self) -> list[bool]:
        return [peer.open for peer in self.peers]


@asynccontextmanager
async def beside() -> AsyncIterator[tuple[Running, PrivateConversations, Opened]]:
    """A server that is ready, and the way to private conversations with it."""
    async with running(server("a")) as run:
        await run.until_phase("a", Phase.READY)
        opened = Opened()
        privates = PrivateConversations(opened, run.engine)
        try:
            yield run, privates, opened
        finally:
            async with asyncio.timeout(LIMIT):
                await privates.stop()
            assert not any(opened.open)


async def test_each_client_gets_a_connection_of_its_own() -> None:
    """Told what that client can, and ended when the client wants, alone."""
    async with beside() as (_, privates, opened):
        first = await privates.open(A, b'{"roots":{}}', nobody)
        second = await privates.open(A, b"{}", nobody)
        assert first is not second
        assert [terms.capabilities for terms in opened.terms] == [b'{"roots":{}}', b"{}"]
        assert len(privates.held()) == 2
        privates.close(first)
        privates.close(first)
        await settle()
        assert opened.open == [False, True]
        assert len(privates.held()) == 1


@pytest.mark.parametrize("what", ["restart", "disable", "remove", "change", "quarantine"])
async def test_they_end_with_their_server(what: str) -> None:
    """Whatever becomes of it: nobody goes on talking to what a person ended or changed."""
    async with beside() as (run, privates, opened):
        await privates.open(A, b"{}", nobody)
        match what:
            case "restart":
                run.servers.last("a").end(CRASH)
            case "disable":
                run.source.write(server("a", enabled=False))
            case "remove":
                run.source.write()
            case "change":
                run.source.write(server("a", "other"))
            case _:
                run.source.write(server("a", quarantined=True))
        await asyncio.wait_for(opened.over.wait(), LIMIT)
        assert opened.open == [False]


async def test_what_does_not_concern_it_leaves_it_alone() -> None:
    """It learns new limits without being ended."""
    async with beside() as (run, privates, opened):
        await privates.open(A, b"{}", nobody)
        run.source.write(replace(server("a"), call_timeout=7.0), server("b"))
        await settle()
        assert opened.open == [True]
        assert opened.peers[0].link.config.call_timeout == 7.0


async def test_what_cannot_be_had_is_said() -> None:
    """A server that is not ready, one that fails, and too many."""
    async with beside() as (_, privates, opened):
        with pytest.raises(ConnectionLost, match="'b' is not running"):
            await privates.open(ServerName("b"), b"{}", nobody)
        opened.refuse = CRASH
        with pytest.raises(ConnectionLost, match="It crashed"):
            await privates.open(A, b"{}", nobody)
        opened.refuse = None
        for _ in range(MOST):
            await privates.open(A, b"{}", nobody)
        with pytest.raises(TooBusy, match=f"{MOST} clients"):
            await privates.open(A, b"{}", nobody)


async def test_who_goes_while_it_is_being_opened_leaves_nothing() -> None:
    """The connection that nobody waits for any more is ended."""
    async with beside() as (_, privates, opened):
        opening = asyncio.ensure_future(privates.open(A, b"{}", nobody))
        opening.cancel()
        await asyncio.wait([opening])
        await settle()
        await settle()
        assert not any(opened.open)
        assert privates.held() == []


async def test_none_outlives_the_program() -> None:
    """Stopping ends all of them, and no new one begins."""
    async with beside() as (_, privates, opened):
        await privates.open(A, b"{}", nobody)
        async with asyncio.timeout(LIMIT):
            await privates.stop()
        assert opened.open == [False]
        with pytest.raises(ConnectionLost):
            await privates.open(A, b"{}", nobody)

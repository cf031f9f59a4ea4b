"""/events as real clients see it: httpx-sse, clients that stall, that vanish, and very many."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from core.model.notices import NoticeCode
from core.model.status import EnginePhase
from tests.fakes.website import KEY, LIMIT, Website, config_of, server, website


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Website]:
    """Two servers, `one` and `two`, ready."""
    async with website(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def listening(site: Website, **headers: str) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    async with site.client(**headers) as client, aconnect_sse(client, "GET", "/events") as source:
        assert source.response.status_code == 200
        assert source.response.headers["cache-control"] == "no-store"
        yield source.aiter_sse()


async def following(events: AsyncIterator[ServerSentEvent]) -> ServerSentEvent:
    return await asyncio.wait_for(anext(events), LIMIT)


async def test_the_world_and_then_what_changes(site: Website) -> None:
    """A standard client gets a snapshot, then a delta for each change it is awake for."""
    async with listening(site) as events:
        first = await following(events)
        assert (first.event, first.retry) == ("snapshot", 2000)
        data = json.loads(first.data)
        assert [each["name"] for each in data["servers"]] == ["one", "two"]
        assert first.id == f"{data['boot']}.{data['seq']}"
        site.engine.store.notice(NoticeCode.SHOW)
        assert (await following(events)).event == "notice"
        async with site.client() as client:
            await client.post("/api/v1/servers/one/disable?wait=disabled")
        phases = []
        while "disabled" not in phases:
            delta = json.loads((await following(events)).data)
            phases += [each["status"] for each in delta.get("servers", [])]
            assert {each["name"] for each in delta.get("servers", [])} <= {"one"}


async def test_a_client_resumes_where_it_was_cut_off(site: Website) -> None:
    """Last-Event-ID brings exactly what was missed: changes, removals, notices."""
    async with listening(site) as events:
        last = (await following(events)).id
    site.source.edit(servers=config_of(server("two"), server("new")).servers)
    site.engine.store.notice(NoticeCode.SHOW)
    await site.engine.until(lambda s: set(s.servers) == {"two", "new"}, LIMIT)
    async with listening(site, Last_Event_ID=last) as events:
        resumed = await following(events)
        data = json.loads(resumed.data)
        assert resumed.event == "delta"
        assert data["names"] == ["two", "new"]
        assert [each["name"] for each in data["servers"]] == ["new"]
        assert [each["code"] for each in data["notices"]] == ["config_applied", "show"]


async def test_bye_when_the_engine_stops(site: Website) -> None:
    """Streams end by themselves, so that stopping never waits for their clients."""
    async with listening(site) as events:
        await following(events)
        site.engine.refuse_work()
        last = [event async for event in events]
        assert [event.event for event in last][-1] == "bye"
        assert json.loads(last[0].data)["engine"] == EnginePhase.STOPPING


async def raw_listener(site: Website) -> socket.socket:
    """A client that asks for events and then never reads."""
    raw = socket.socket()
    raw.setblocking(False)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", site.port))
    head = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nX-API-Key: {KEY}\r\n\r\n"
    await loop.sock_sendall(raw, head.encode())
    return raw


async def test_a_client_that_never_reads_harms_nobody(site: Website) -> None:
    """F69: its changes coalesce; another client gets each of its own at once meanwhile."""
    stuck = await raw_listener(site)
    async with listening(site) as events:
        await following(events)
        seq = site.engine.snapshot.seq
        for _ in range(300):
            # About 4 KiB each: far more than any buffer between us and the stuck client.
            site.engine.store.notice(NoticeCode.SHOW, text="x" * 4096)
            event = await following(events)
            seq += 1
            assert event.id.endswith(f".{seq}")
        assert max(site.waiting_to_be_sent) < 512 * 1024
    stuck.close()


async def test_clients_that_vanish_leave_nothing(nothing_left: None, tmp_path: Path) -> None:
    """F70: many clients that connect and disconnect: counts and descriptors go back to base."""
    async with website(tmp_path) as site:
        for _ in range(3):
            listeners = [await raw_listener(site) for _ in range(50)]
            loop = asyncio.get_running_loop()
            for each in listeners:
                assert await asyncio.wait_for(loop.sock_recv(each, 12), LIMIT) == b"HTTP/1.1 200"
            for each in listeners:
                each.close()
        # The server notices by itself, so that stopping afterwards waits for nobody.
        await site.quiet()
        async with site.client() as client:
            assert "mcpproxy_sse_clients 0.0" in (await client.get("/metrics")).text


async def test_many_clients_hear_of_one_change(site: Website) -> None:
    """F70: two hundred of them, all told."""
    listeners = [await raw_listener(site) for _ in range(200)]
    streams = []
    for each in listeners:
        reader, writer = await asyncio.open_connection(sock=each)
        await asyncio.wait_for(reader.readuntil(b"event: snapshot\n"), LIMIT)
        await asyncio.wait_for(reader.readuntil(b"\n\n"), LIMIT)
        streams.append((reader, writer))
    site.engine.store.notice(NoticeCode.SHOW)
    for reader, _ in streams:
        await asyncio.wait_for(reader.readuntil(b"event: notice\n"), LIMIT)
    for _, writer in streams:
        writer.close()

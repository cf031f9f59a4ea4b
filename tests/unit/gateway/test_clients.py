"""Sessions: found by id and place, bounded in number and in what waits for each."""

from __future__ import annotations

import asyncio
import json

from core.gateway.clients import MESSAGES_KEPT, SESSIONS_KEPT, Client, Clients


def test_a_session_is_found_only_where_it_was_opened() -> None:
    """Neither another part of the endpoint nor a closed session is given out."""
    clients = Clients()
    client = clients.open("s/one", "2025-11-25")
    assert clients.find(client.id, "s/one") is client
    assert clients.find(client.id, "s/two") is None
    assert clients.find("x", "s/one") is None
    clients.close(client)
    assert clients.find(client.id, "s/one") is None
    assert clients.of("s/one") == []
    assert client.closed


def test_the_session_unused_for_longest_goes_when_there_are_too_many() -> None:
    """Sessions are bounded; one in use outlives an older one that is not."""
    clients = Clients()
    used, unused = clients.open("hub", "v"), clients.open("hub", "v")
    for _ in range(SESSIONS_KEPT - 2):
        clients.open("hub", "v")
    assert clients.find(used.id, "hub") is used
    clients.open("hub", "v")
    assert clients.find(used.id, "hub") is used
    assert clients.find(unused.id, "hub") is None
    assert len(clients.of("hub")) == SESSIONS_KEPT


def test_close_all_ends_every_session() -> None:
    """When the program stops, every stream ends."""
    clients = Clients()
    opened = [clients.open(surface, "v") for surface in ("a", "b", "b")]
    clients.close_all()
    assert all(client.closed for client in opened)
    assert clients.of("b") == []


async def test_messages_wait_in_order_and_the_oldest_give_way() -> None:
    """A client that does not read costs a bounded number of messages, and keeps the newest."""
    client = Client("hub", "v")
    for number in range(MESSAGES_KEPT + 5):
        client.tell("notifications/x", b"%d" % number)
    told = [json.loads(message)["params"] for message in await client.told(1)]
    assert told == list(range(5, MESSAGES_KEPT + 5))


async def test_a_change_is_told_once_however_often_it_happens_meanwhile() -> None:
    """While a client does not listen, equal changes become one; other messages do not."""
    client = Client("hub", "v")
    for _ in range(1000):
        client.tell("notifications/tools/list_changed", b"")
        client.tell("notifications/resources/updated", b'{"uri":"a:b"}')
        client.tell("notifications/resources/updated", b'{"uri":"a:c"}')
    client.tell("notifications/message", b"1")
    client.tell("notifications/message", b"1")
    assert len(await client.told(1)) == 5
    client.tell("notifications/tools/list_changed", b"")
    assert len(await client.told(1)) == 1


async def test_a_listener_is_woken_by_a_message_silence_or_the_end() -> None:
    """told returns what comes, nothing after its time, and nothing once the session ends."""
    client = Client("hub", "v")
    waiting = asyncio.create_task(client.told(10))
    asyncio.get_running_loop().call_soon(client.tell, "notifications/x", b"")
    assert len(await waiting) == 1
    assert await client.told(0) == []
    waiting = asyncio.create_task(client.told(10))
    asyncio.get_running_loop().call_soon(client.close)
    assert await waiting == []

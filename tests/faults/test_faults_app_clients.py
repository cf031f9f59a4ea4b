"""F67 to F71: clients that come all at once, vanish, never read, or come and go."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.faults.conftest import SceneMaker
from tests.faults.scene import Scene, entry
from tests.mcp_http import Wire, wire
from tests.pace import within
from tests.program import KEY

pytestmark = pytest.mark.timeout(300)

LIMIT = 60.0
CONNECTIONS = 200
EACH = 50
MEGABYTE = 1 << 20


def peak(pid: int) -> int:
    """The most memory the process has held so far, in bytes (proc(5), VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def call(number: int, tool: str, **arguments: object) -> bytes:
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


async def wires(stack: AsyncExitStack, url: str, count: int) -> list[Wire]:
    """So many clients that have shaken hands."""
    found = [await stack.enter_async_context(wire(url)) for _ in range(count)]
    for each in found:
        await each.open()
    return found


def complaints(play: Scene) -> list[str]:
    """Lines of the program's log that report trouble."""
    text = (play.home.directory / "data" / "logs" / "main.log").read_text()
    return [line for line in text.splitlines() if " ERROR " in line or " WARNING " in line]


async def test_f67_a_burst_of_ten_thousand_requests_is_answered_once_each(
    scene: SceneMaker,
) -> None:
    """200 connections put 50 requests each on the wire at once: each gets its own one answer,
    while a bystander is served and memory stays bounded."""
    async with scene({"echo": entry()}) as play, AsyncExitStack() as stack:
        await play.ready("echo")
        clients = await wires(stack, f"{play.running.endpoint}/s/echo", CONNECTIONS)
        before, looks = peak(play.pid), len(play.canary.took)

        async def read(number: int, client: Wire) -> int:
            for count in range(EACH):
                status, body = await client.receive()
                answer = json.loads(body)
                assert (status, answer["id"]) == (200, count)
                echoed = answer["result"]["structuredContent"]["arguments"]
                assert echoed == {"nonce": f"{number}/{count}"}
            return EACH

        for number, client in enumerate(clients):
            for count in range(EACH):
                client.send(call(count, "echo", nonce=f"{number}/{count}"))
        readers = [read(number, client) for number, client in enumerate(clients)]
        async with asyncio.timeout(LIMIT):
            assert sum(await asyncio.gather(*readers)) == CONNECTIONS * EACH
        assert peak(play.pid) - before < 150 * MEGABYTE
        during = sorted(play.canary.took[looks:])
        assert during, "the bystander was never served during the burst"
        assert during[len(during) * 99 // 100] < within(0.5)
        assert complaints(play) == []


async def test_f67_more_calls_than_a_server_can_have_waiting_are_refused_in_words(
    scene: SceneMaker,
) -> None:
    """What neither runs nor waits is refused at once and names the server; the rest is answered
    when the server goes, and others never notice."""
    async with scene({"echo": entry()}) as play, AsyncExitStack() as stack:
        await play.ready("echo")
        clients = await wires(stack, f"{play.running.endpoint}/s/echo", 500)
        for client in clients:
            client.send(call(1, "mute"))
        answers = [asyncio.ensure_future(client.receive()) for client in clients]
        async with asyncio.timeout(LIMIT):
            (first,) = (await _first_answers(answers, 1))[:1]
            refused = json.loads(first[1])["error"]
            assert "'echo' is too busy" in refused["message"]
            play.configure({})
            outcomes = [json.loads(body)["error"] for _, body in await asyncio.gather(*answers)]
        busy = [error for error in outcomes if error["code"] == refused["code"]]
        lost = [error["message"] for error in outcomes if error["code"] != refused["code"]]
        assert len(busy) + len(lost) == 500
        assert busy
        assert all("'mute' of the server 'echo'" in message for message in lost)
        assert all("may or may not" in message for message in lost)


async def _first_answers(
    answers: list[asyncio.Future[tuple[int, bytes]]], count: int
) -> list[tuple[int, bytes]]:
    found = []
    for each in asyncio.as_completed(answers):
        found.append(await each)
        if len(found) == count:
            break
    return found


async def test_f68_clients_that_vanish_during_calls_leave_nothing(scene: SceneMaker) -> None:
    """Cut anywhere in the request or while waiting: the call goes on upstream uncancelled, slots
    come back, and the log holds no complaint."""
    lot = random.Random(68)
    async with scene({"echo": entry(max_concurrent_requests=1024)}) as play:
        await play.ready("echo")
        url = f"{play.running.endpoint}/s/echo"
        async with wire(url) as steady:
            await steady.open()
            for number in range(100):
                async with wire(url) as client:
                    await client.open()
                    body = call(number, "slow", key="k", padding="x" * lot.randrange(2000))
                    whole = lot.random() < 0.5
                    part = body if whole else body[: lot.randrange(len(body))]
                    client.send(part, len(body))
                    if whole:
                        await steady.ask(number, "tools/call", {"name": "echo"})
                    client.cut()
            async with asyncio.timeout(LIMIT):
                released = await steady.ask(1000, "tools/call", json.loads(_RELEASE))
                seen = await steady.ask(1001, "tools/call", {"name": "seen", "arguments": {}})
        assert "result" in released
        messages = seen["result"]["structuredContent"]["messages"]
        assert not [each for each in messages if each["method"] == "notifications/cancelled"]
        assert complaints(play) == []


_RELEASE = '{"name": "release", "arguments": {"key": "k"}}'


@asynccontextmanager
async def deaf(url: str, path: str, headers: dict[str, str], count: int) -> AsyncIterator[None]:
    """Clients that ask for a stream, take as little as they can and never read."""
    parts = urlsplit(url)
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\n{more}\r\n".encode()
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.setblocking(False)
            await loop.sock_connect(client, (parts.hostname, parts.port))
            await loop.sock_sendall(client, request)
        yield


async def test_f69_clients_that_never_read_delay_nobody(scene: SceneMaker) -> None:
    """100 deaf listeners on the event stream and on a server's own: thousands of notifications
    later memory is bounded, and a healthy listener hears of each change in time."""
    async with scene({"echo": entry(), "switch": entry()}) as play:
        await play.ready("echo", "switch")
        base = play.running.base
        async with wire(f"{play.running.endpoint}/s/echo") as client:
            await client.open()
            stream = {"accept": "text/event-stream", **client.headers}
            events = {"x-api-key": KEY}
            async with (
                deaf(base, "/mcp/s/echo", stream, 50),
                deaf(base, "/events", events, 50),
            ):
                before = peak(play.pid)
                delays = []
                loop = asyncio.get_running_loop()
                for number in range(20):
                    flip = {"name": "flip", "arguments": {"notices": 500}}
                    await client.ask(2 * number, "tools/call", flip)
                    for verb, status in (("disable", "disabled"), ("enable", "ready")):
                        path = f"/api/v1/servers/switch/{verb}?wait={status}&timeout=20"
                        await play.running.post(path)
                        told = loop.time()
                        await play.until(_is("switch", status))
                        delays.append(loop.time() - told)
                assert peak(play.pid) - before < 64 * MEGABYTE
                assert sorted(delays)[len(delays) * 95 // 100] < within(0.2)
        assert complaints(play) == []


def _is(name: str, status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda world: world["servers"][name]["status"] == status


async def test_f70_a_thousand_listeners_come_and_go(scene: SceneMaker) -> None:
    """1,000 event streams at once, then none: each was told the world, and no descriptor, task
    or subscription stays."""
    async with scene() as play:
        parts = urlsplit(play.running.base)
        request = f"GET /events HTTP/1.1\r\nhost: {parts.netloc}\r\nx-api-key: {KEY}\r\n\r\n"

        # The tests' own loop serves the bystander's client too: not all at the same moment.
        door = asyncio.Semaphore(20)

        async def listen(leave: asyncio.Event) -> None:
            async with door:
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                writer.write(request.encode())
                await reader.readuntil(b"event: snapshot")
            arrived.release()
            await leave.wait()
            writer.transport.abort()

        for size in (1000, 300, 300):
            arrived = asyncio.Semaphore(0)
            leave = asyncio.Event()
            async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as tasks:
                for _ in range(size):
                    tasks.create_task(listen(leave))
                for _ in range(size):
                    await arrived.acquire()
                page = await play.metrics()
                assert f"mcpproxy_sse_clients {size + 1}.0" in page
                leave.set()
        assert complaints(play) == []

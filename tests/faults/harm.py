"""Harm that can be done to the running program and its servers, drawn by lot.

Each function does one kind of harm and undoes what would keep the world from healing. They may
run at the same time. Which server, how much and when comes from the ``Random`` of the ground.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.faults.invariants import reapers
from tests.faults.scene import Scene, entry
from tests.faults.watch import new_client
from tests.program import KEY

Json = dict[str, Any]

SETTLED = 60.0  # seconds for all servers to be ready once a person has pressed Retry now
CLOSED = ConnectionError | asyncio.IncompleteReadError

VICTIMS = {
    "plain": ("ok",),
    "twin": ("ok",),
    "chatty": ("banner",),
    "broken-text": ("bad-utf8",),
    "windows": ("crlf",),
    "stranger": ("wrong-ids", "unknown"),
    "texty": ("wrong-ids", "string"),
    "hostile": ("hostile",),
}


class Ground:
    """A scene with victims, and the lot that decides what happens to them."""

    def __init__(self, play: Scene, seed: int) -> None:
        self.play = play
        self.rng = random.Random(seed)
        self.servers = victims()

    def write(self) -> None:
        """Bring the config file to what ``servers`` says."""
        self.play.configure(self.servers)

    def victim(self) -> str:
        return self.rng.choice(sorted(VICTIMS))

    def pid_of(self, name: str) -> int | None:
        found: int | None = self.play.world["servers"].get(name, {}).get("pid")
        return found

    def signal(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal to a server that runs; its pid."""
        pid = self.pid_of(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    async def post(self, path: str) -> None:
        """Ask for something; that it is refused at such a moment is no fault."""
        async with new_client(self.play.running.base, KEY) as http:
            with contextlib.suppress(httpx.HTTPError):
                await http.post(path)

    async def heal(self) -> None:
        """Put the file right, press Retry now where something waits, and see all become ready."""
        self.servers = victims()
        self.write()
        async with asyncio.timeout(SETTLED):
            await self.play.until(self._all_wanted)
            while waiting := self._waiting():
                for name in waiting:
                    await self.post(f"/api/v1/servers/{name}/restart")
                await self.play.until(lambda world: self._at_rest(world))

    def _all_wanted(self, world: Json) -> bool:
        known = set(world["servers"]) == {*self.servers, "canary"}
        enabled = all(
            server["health"]["admin_state"] != "disabled" for server in world["servers"].values()
        )
        return known and enabled and world["config_problem"] is None

    def _waiting(self) -> list[str]:
        return [
            name
            for name, server in self.play.world["servers"].items()
            if server["status"] != "ready"
        ]

    def _at_rest(self, world: Json) -> bool:
        moving = {"connecting", "stopping"}
        return not any(server["status"] in moving for server in world["servers"].values())


def victims() -> dict[str, Json]:
    return {name: entry(*mode) for name, mode in VICTIMS.items()}


# --- to servers -------------------------------------------------------------------------------


async def kill(ground: Ground) -> None:
    """A server is killed."""
    ground.signal(ground.victim(), signal.SIGKILL)


async def freeze(ground: Ground) -> None:
    """A server is stopped for a while and goes on."""
    pid = ground.signal(ground.victim(), signal.SIGSTOP)
    await asyncio.sleep(ground.rng.uniform(0.05, 0.8))
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def die_in_flight(ground: Ground) -> None:
    """A server dies with calls of several clients in flight."""
    path = f"/mcp/s/{ground.victim()}"
    ledger = ground.play.ledger
    async with ledger.visit(path) as one, ledger.visit(path) as other:
        calls = [ledger.call(client, "slow", ms=2000) for client in (one, other) * 5]
        await asyncio.gather(*calls, ledger.call(one, "die"))


async def garbage(ground: Ground) -> None:
    """A server writes what is no message, between good answers."""
    noise = b"".join(ground.rng.randbytes(200) + b"\n" for _ in range(ground.rng.randint(1, 50)))
    async with ground.play.ledger.visit(f"/mcp/s/{ground.victim()}") as client:
        await ground.play.ledger.call(client, "raw", hex=noise.hex())
        await ground.play.ledger.call(client)


async def long_line(ground: Ground) -> None:
    """A server writes a line longer than any that is taken."""
    async with ground.play.ledger.visit(f"/mcp/s/{ground.victim()}") as client:
        await ground.play.ledger.call(client, "long", bytes=20 * 1024 * 1024, bare=True)


async def flood_stderr(ground: Ground) -> None:
    """A server writes a megabyte of complaints."""
    async with ground.play.ledger.visit(f"/mcp/s/{ground.victim()}") as client:
        await ground.play.ledger.call(client, "stderr", text="oh no! " * 10 + "\n", times=15_000)


async def flip(ground: Ground) -> None:
    """A server says again and again that its tools have changed."""
    async with ground.play.ledger.visit(f"/mcp/s/{ground.victim()}") as client:
        await ground.play.ledger.call(client, "flip", notices=ground.rng.randint(1, 300))


# --- to the file ------------------------------------------------------------------------------


async def edit(ground: Ground) -> None:
    """An entry is edited, so that its server starts anew."""
    name = ground.victim()
    settings = {"env": {"EDIT": str(ground.rng.random())}}
    ground.servers[name] = entry(*VICTIMS[name], **settings)
    ground.write()


async def many_edits(ground: Ground) -> None:
    """The file is written many times in a second."""
    for _ in range(20):
        await edit(ground)
        await asyncio.sleep(0.02)


async def half_written(ground: Ground) -> None:
    """The file is half written for longer than anybody waits."""
    file = ground.play.home.config_file
    ground.write()  # it may just have been deleted
    text = file.read_text()
    file.write_text(text[: ground.rng.randrange(len(text))])
    await asyncio.sleep(ground.rng.uniform(0.1, 1.0))
    ground.write()


async def deleted(ground: Ground) -> None:
    """The file is gone for a while."""
    ground.play.home.config_file.unlink(missing_ok=True)
    await asyncio.sleep(ground.rng.uniform(0.0, 0.8))
    ground.write()


async def come_and_go(ground: Ground) -> None:
    """A server is added, and removed while it starts or soon after."""
    name = f"guest-{ground.rng.randrange(3)}"
    ground.servers[name] = entry()
    ground.write()
    await asyncio.sleep(ground.rng.uniform(0.0, 0.8))
    ground.servers.pop(name, None)
    ground.write()


# --- by clients -------------------------------------------------------------------------------


async def restart(ground: Ground) -> None:
    """Somebody presses Restart."""
    await ground.post(f"/api/v1/servers/{ground.victim()}/restart")


async def switch(ground: Ground) -> None:
    """Somebody disables a server and enables it again."""
    name = ground.victim()
    await ground.post(f"/api/v1/servers/{name}/disable")
    await asyncio.sleep(ground.rng.uniform(0.0, 0.5))
    await ground.post(f"/api/v1/servers/{name}/enable")


async def vanish(ground: Ground) -> None:
    """Clients vanish in the middle of a call, some of them with a reset."""
    for _ in range(5):
        async with ground.play.ledger.visit(f"/mcp/s/{ground.victim()}") as client:
            message = client.request("tools/call", {"name": "mute", "arguments": {}})
            with contextlib.suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(ground.rng.uniform(0.01, 0.2)):
                    await client.post(message)


async def never_read(ground: Ground) -> None:
    """Listeners ask for the event stream, never read it, and leave with a reset."""
    request = f"GET /events HTTP/1.1\r\nhost: {_netloc(ground)}\r\nx-api-key: {KEY}\r\n\r\n"
    writers = [await _connect(ground) for _ in range(5)]
    for writer in writers:
        writer.write(request.encode())
    await asyncio.sleep(ground.rng.uniform(0.05, 0.5))
    for writer in writers:
        _reset(writer)


async def bad_requests(ground: Ground) -> None:
    """Bytes arrive that are no request, half a request, or one with a wrong length."""
    host = _netloc(ground)
    for said in (
        ground.rng.randbytes(500) + b"\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: ",
        f"POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-length: 99\r\n\r\n{{".encode(),
        f"POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-length: -1\r\n\r\n".encode(),
        b"GET / HTTP/9.9\r\n\r\n" * 20,
    ):
        writer = await _connect(ground)
        with contextlib.suppress(ConnectionError):
            writer.write(said)
            await writer.drain()
        _reset(writer)


async def crowd(ground: Ground) -> None:
    """Two hundred calls come at once."""
    async with ground.play.ledger.visit(f"/mcp/s/{ground.victim()}") as client:
        await asyncio.gather(*(ground.play.ledger.call(client) for _ in range(200)))


async def kill_reaper(ground: Ground) -> None:
    """The process that would clean up after a ``kill -9`` of the program is itself killed."""
    for reaper in reapers(ground.play.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(reaper, signal.SIGKILL)


async def _connect(ground: Ground) -> asyncio.StreamWriter:
    parts = urlsplit(ground.play.running.base)
    assert parts.hostname is not None
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    return writer


def _netloc(ground: Ground) -> str:
    return urlsplit(ground.play.running.base).netloc


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection without the farewell TCP has for it."""
    socket_of = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        socket_of.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


HARMS: dict[str, Callable[[Ground], Awaitable[None]]] = {
    harm.__name__: harm
    for harm in (
        *(kill, freeze, die_in_flight, garbage, long_line, flood_stderr, flip),
        *(edit, many_edits, half_written, deleted, come_and_go),
        *(restart, switch, vanish, never_read, bad_requests, crowd, kill_reaper),
    )
}

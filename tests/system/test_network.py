"""F44: the network comes back, and what waited for it is tried at once."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.config import Http
from core.model.notices import NoticeCode
from core.model.status import Phase
from core.upstream.network import HEADER, NetworkWatch, is_way_out, messages
from tests.engine.running import running
from tests.fakes.clock import settle
from tests.fakes.connector import CRASH
from tests.fakes.source import server
from tests.program import ROOT, START_LIMIT

SCRIPT = r"""
import asyncio, fcntl, socket, struct
from core.upstream.network import HEADER, NetworkWatch

def lo_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, 0x8913, asked))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))

def default_route_by_lo():
    route = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 4, 253, 1, 0)
    route += struct.pack("=HHi", 8, 4, 1)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(HEADER.pack(HEADER.size + len(route), 24, 0x405, 1, 0) + route)
        assert struct.unpack_from("=i", netlink.recv(4096), HEADER.size)[0] == 0

async def main():
    up = asyncio.Event()
    with NetworkWatch(up.set, settled=0.01):
        lo_up()
        default_route_by_lo()
        await asyncio.wait_for(up.wait(), 20)
    print("told")

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system is not listened to")
def test_f44_a_new_default_route_is_told() -> None:
    """In a network of its own a way out appears, and the watch says so."""
    ran = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )
    if ran.stderr.startswith("unshare:"):
        pytest.skip(f"no network of its own can be had here: {ran.stderr.strip()}")
    assert ran.stdout == "told\n", ran.stderr


async def test_f44_servers_elsewhere_are_tried_when_the_network_is_back() -> None:
    """Those that wait are opened at once; one that is ready, and one on this computer, are not."""
    far = Http(url="https://example.com/mcp")
    servers = (server("far", transport=far), server("fine", transport=far), server("near"))
    async with running(*servers, on_open=lambda peer: None) as world:
        world.servers.last("fine").connect()
        for name in ("far", "near"):
            world.servers.last(name).end(CRASH)
        await settle()
        assert world.phase("far") is world.phase("near") is Phase.BACKOFF
        before = {name: world.servers.opened(name) for name in ("far", "fine", "near")}
        world.engine.network_up()
        await settle()
        opened = {name: world.servers.opened(name) - count for name, count in before.items()}
        assert opened == {"far": 1, "fine": 0, "near": 0}
        told, _ = world.engine.notices_since(0)
        assert [each.code for each in told] == [NoticeCode.NETWORK_UP], "so faces keep quiet"
        world.servers.last("far").connect()
        await settle()
        assert world.phase("far") is Phase.READY


def route(bits: int, table: int, kind: int = 24) -> bytes:
    body = struct.pack("=BBBBBBBBI", 2, bits, 0, 0, table, 4, 0, 1, 0)
    return HEADER.pack(HEADER.size + len(body), kind, 0, 1, 0) + body


def test_f44_only_a_way_out_counts() -> None:
    """Routes to one network, of other tables, and taken away are no news."""
    news = route(24, 254) + route(0, 255) + route(0, 254, kind=25) + route(0, 254)
    told = [is_way_out(kind, body) for kind, body in messages(news)]
    assert told == [False, False, False, True]


@given(st.binary(max_size=200))
def test_whatever_the_system_tells_is_read_without_harm(data: bytes) -> None:
    """Cut, foreign or empty messages are passed over."""
    for kind, body in messages(data):
        is_way_out(kind, body)


async def test_the_watch_leaves_nothing(nothing_left: None) -> None:
    """Neither a socket nor a timer stays."""
    with NetworkWatch(lambda: None):
        await asyncio.sleep(0)

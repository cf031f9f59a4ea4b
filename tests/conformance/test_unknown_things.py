"""What nobody has told us of passes through untouched: fields, methods, types, numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.peer import LIMIT, Peer, connected, exactly
from tests.conformance.wiring import in_front_of
from tests.fakes.odd_server import (
    CALLED,
    ERROR,
    HELLO,
    NUMBERS,
    TOOLS,
    VENDOR_METHOD,
    VENDOR_NOTIFICATION,
    OddServer,
    odd_server,
)


@pytest.fixture
async def met(tmp_path: Path) -> AsyncIterator[tuple[OddServer, Peer]]:
    """The odd server, and a client that reaches it through us."""
    async with (
        odd_server() as (odd, upstream),
        in_front_of({"url": upstream}, tmp_path) as url,
        connected(url) as peer,
    ):
        yield odd, peer


async def test_unknown_things_pass_both_ways(met: tuple[OddServer, Peer]) -> None:
    """Fields, capabilities, content types, methods, notifications and errors arrive as sent."""
    odd, peer = met
    for member in ("serverInfo", "instructions", "example.com/greeting", "_meta"):
        assert peer.hello[member] == HELLO[member]
    assert peer.hello["capabilities"]["example.com/holograms"] == {"depth": 3}
    assert peer.hello["capabilities"]["extensions"] == HELLO["capabilities"]["extensions"]

    listed = await peer.ask("tools/list")
    assert listed.answer["result"]["tools"] == TOOLS, "all pages, as one"
    assert "nextCursor" not in listed.answer["result"]

    called = await peer.ask("tools/call", {"name": "tool_0", "arguments": {}, "example.com/x": 1})
    assert called.answer["result"] == CALLED
    refused = await peer.ask("tools/call", {"name": "tool_1", "arguments": {}})
    assert refused.answer["error"] == ERROR

    params = {"anything": [None, {"deep": "yes"}], "_meta": {"example.com/why": "because"}}
    done = await peer.ask(VENDOR_METHOD, params)
    assert done.answer["result"] == {"did": exactly(NUMBERS), "params": params}

    await peer.tell("notifications/example.com/from-client", {"n": 1})
    async with asyncio.timeout(LIMIT):
        got = await odd.got("notifications/example.com/from-client")
    assert got["params"] == {"n": 1}
    assert any(message.get("params", {}).get("example.com/x") == 1 for message in odd.received), (
        "unknown members of a request arrive too"
    )

    async with asyncio.timeout(LIMIT):
        await odd.tell(
            f'{{"jsonrpc": "2.0", "method": "{VENDOR_NOTIFICATION}", "params": {NUMBERS}}}'
        )
    assert (await peer.hear(VENDOR_NOTIFICATION))["params"] == exactly(NUMBERS)

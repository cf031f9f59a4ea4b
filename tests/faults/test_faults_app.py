"""F61, F62, F64 and use of a waiting server: the program's own beginning, middle and end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import SceneMaker
from tests.faults.invariants import metric
from tests.faults.racers import race
from tests.faults.scene import entry
from tests.mcp_http import wire
from tests.pace import within
from tests.program import Home, RunningProgram, program

pytestmark = pytest.mark.timeout(300)

LIMIT = 60.0
TRIES = 5
SERVERS = 30
CALLS = 50


async def test_f61_a_port_in_use_is_refused_with_who_has_it(home: Home) -> None:
    """The start ends with exit code 2, names the program and its pid, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        home.configure({}, listen=f"127.0.0.1:{port}")
        code, _, told = await home.command("serve")
    assert code == 2
    assert f"Port {port} on 127.0.0.1 is used by" in told
    assert f"(pid {os.getpid()})" in told
    assert "--listen" in told


async def test_f62_of_twenty_starts_at_once_exactly_one_wins(tmp_path: Path) -> None:
    """In each round the 19 others end with exit code 3 and say why; the winner ends well."""
    for number in range(2):
        directory = tmp_path / str(number)
        directory.mkdir(mode=0o700)
        assert await race(Home(directory)) == []


async def test_f62_a_second_start_shows_the_first(home: Home) -> None:
    """It ends with exit code 3, tells what the first is doing, and the first is asked to show."""
    home.configure({"one": entry()})
    async with program(home) as running:
        await running.ready()
        code, _, told = await home.command("serve")
        assert code == 3
        assert "already runs" in told
        assert "1 of 1" in told or "ready" in told
        page = (await running.http.get("/metrics")).text
        assert metric(page, "mcpproxy_http_requests_total", **_SHOWN) == 1


_SHOWN = {"method": "POST", "route": "/api/v1/show", "code": "202"}


async def _under_load(
    running: RunningProgram, stack: AsyncExitStack
) -> list[asyncio.Future[bytes]]:
    """50 calls that no server will ever answer, spread over all servers."""
    await running.ready()
    clients = []
    for number in range(CALLS):
        url = f"{running.endpoint}/s/s{number % SERVERS}"
        client = await stack.enter_async_context(wire(url))
        await client.open()
        client.send(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
            b'"params":{"name":"mute","arguments":{}}}'
        )
        clients.append(client)

    async def answer(index: int) -> bytes:
        try:
            return (await clients[index].receive())[1]
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""  # cut at the end

    return [asyncio.ensure_future(answer(index)) for index in range(CALLS)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_f64_a_signal_under_load_ends_it_in_time(
    nothing_left: None, home: Home, number: signal.Signals
) -> None:
    """30 servers, 50 calls in flight: exit code 0 within 5 s, and nothing left of anything."""
    home.configure({f"s{index}": entry() for index in range(SERVERS)})
    async with program(home) as running, AsyncExitStack() as stack:
        answers = await _under_load(running, stack)
        assert not any(answer.done() for answer in answers)
        assert await _ended(running, number) < within(5.0)
        await asyncio.gather(*answers)


async def test_f64_the_same_signal_again_ends_it_at_once(scene: SceneMaker) -> None:
    """Servers that ignore every wish to end cost the whole grace; a second SIGTERM costs none,
    while the SIGHUP that systemd sends along changes nothing."""
    whole_grace = await _stubborn_ended(scene, signal.SIGHUP)
    assert 2.5 < whole_grace < within(6.0)
    # On a machine that is busy one try may be slowed down by others, and not each of several.
    hurried = [await _stubborn_ended(scene, signal.SIGTERM)]
    while min(hurried) > whole_grace / 2 and len(hurried) < TRIES:
        hurried.append(await _stubborn_ended(scene, signal.SIGTERM))
    assert min(hurried) < whole_grace / 2, hurried


async def _stubborn_ended(scene: SceneMaker, again: signal.Signals) -> float:
    """Servers that ignore SIGTERM are stopping and a further signal comes: seconds after it."""
    async with scene({f"s{index}": entry("ignore-term") for index in range(3)}) as play:
        await play.ready()
        await play.leave_alone()
        async with play.running.http.stream("GET", "/events") as events:
            play.running.process.send_signal(signal.SIGTERM)
            told = b"".join([part async for part in events.aiter_raw()])
        assert b"event: bye" in told  # it is stopping now
        return await _ended(play.running, again)


async def _ended(running: RunningProgram, number: signal.Signals) -> float:
    """Send the signal; seconds until the program has ended, with exit code 0."""
    began = time.monotonic()
    running.process.send_signal(number)
    assert await asyncio.wait_for(running.process.wait(), LIMIT) == 0
    return time.monotonic() - began


async def test_a_call_reconnects_a_server_in_backoff_and_never_repeats_one(
    scene: SceneMaker,
) -> None:
    """Calls at both parts of the endpoint bring a dead server back without its timer, share the
    attempt, and the call that killed it is not sent again."""
    async with scene({"mortal": entry()}) as play:
        await play.ready("mortal")
        direct = await play.client("mortal")
        hub = await play.ledger.client("/mcp")
        for round_number in range(3):
            died = await direct.ask("tools/call", {"name": "die", "arguments": {}})
            message = died["error"]["message"]
            assert "'die' of the server 'mortal'" in message
            assert "may or may not have been carried out" in message
            replies = await asyncio.gather(
                play.ledger.call(direct), play.ledger.call(hub, "mortal:echo")
            )
            assert all("result" in reply for reply in replies), replies
            seen = (await direct.call("seen", {}))["structuredContent"]["messages"]
            calls = [each for each in seen if each["method"] == "tools/call"]
            assert len(calls) == 3, f"round {round_number}"
            await play.shows("mortal", "ready", action="")
        page = await play.metrics()
        assert metric(page, "mcpproxy_actor_retries_total", server="mortal") == 0

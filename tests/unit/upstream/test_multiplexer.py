"""Calls that are late and servers that do not read, on a loop whose clock is moved by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from core.protocol.calls import Call, CallTimeout, Reply, TooBusy
from core.upstream.multiplexer import UNREAD_BYTES, UNREAD_LIMIT, Multiplexer
from core.upstream.pending import LONGEST_CALL, WAITING_BYTES, Limits, Lines

TIMEOUT = 60.0


class HandMovedLoop(asyncio.SelectorEventLoop):
    """Time stands where it was put."""

    at = 1000.0

    def time(self) -> float:
        return self.at

    async def move(self, seconds: float) -> None:
        """Let time pass, and what is due happen."""
        self.at += seconds
        for _ in range(3):
            await asyncio.sleep(0)


class Wire:
    """A multiplexer, what it wrote, and what it told."""

    def __init__(self, concurrency: int = 4) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HandMovedLoop)
        self.move = loop.move
        self.lines: list[dict[str, object]] = []
        self.violations: list[str] = []
        self.hangs: list[int] = []
        self.fills_with = 0  # a line longer than this fills the pipe, unless 0
        self.session = Multiplexer(
            Lines(self.write),
            limits=lambda: Limits(concurrency, TIMEOUT),
            violation=lambda kind, what: self.violations.append(kind),
            notified=lambda method, params: None,
            hung=self.hangs.append,
        )

    def write(self, line: bytes) -> None:
        self.lines.append(json.loads(line))
        if self.fills_with and len(line) > self.fills_with:
            self.session.input_full()

    def call(self, size: int = 0, meta: bytes = b"") -> Call:
        return self.session.start("tools/call", b'{"x":"%b"%b}' % (b"x" * size, meta))

    def answers(self, call: Call) -> None:
        line = {"jsonrpc": "2.0", "id": call.upstream_id, "result": {}}
        self.session.received(json.dumps(line).encode())

    def methods(self) -> list[object]:
        return [line["method"] for line in self.lines]


def on_a_moved_clock(test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await test()

    with asyncio.Runner(loop_factory=HandMovedLoop) as runner:
        runner.run(run())


async def failure(call: Call) -> str:
    assert call.done
    with pytest.raises(CallTimeout) as raised:
        await call.arrival()
    return str(raised.value)


async def result(call: Call) -> Reply | None:
    assert call.done
    return await call.arrival()


def test_silence_ends_a_call() -> None:
    """At its limit and not before; the server is told, and it is counted."""

    async def test() -> None:
        wire = Wire()
        call = wire.call()
        await wire.move(TIMEOUT - 1)
        assert not call.done
        await wire.move(1)
        told = "no answer to tools/call in 60 s and was told to stop"
        assert await failure(call) == told
        assert wire.methods() == ["tools/call", "notifications/cancelled"]
        assert wire.hangs == [1]

    on_a_moved_clock(test)


def test_progress_keeps_a_call_alive_but_not_for_ever() -> None:
    """Each report renews the limit; after a quarter of an hour that ends."""

    async def test() -> None:
        wire = Wire()
        call = wire.call(meta=b',"_meta":{"progressToken":"t"}')
        progress = {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {"progressToken": call.upstream_id, "progress": 1},
        }
        passed = 0.0
        while not call.done:
            wire.session.received(json.dumps(progress).encode())
            call.events.clear()
            await wire.move(TIMEOUT - 10)
            passed += TIMEOUT - 10
        assert passed == LONGEST_CALL
        assert "in 900 s" in await failure(call)

    on_a_moved_clock(test)


def test_hangs_in_a_row_are_told_and_an_answer_ends_the_row() -> None:
    """So that a person is told of a server that no longer answers, and that it does again."""

    async def test() -> None:
        wire = Wire()
        late = [wire.call() for _ in range(3)]
        await wire.move(TIMEOUT)
        assert all(call.done for call in late)
        good = wire.call()
        wire.answers(good)
        wire.answers(wire.call())
        assert wire.hangs == [1, 2, 3, 0]

    on_a_moved_clock(test)


def test_a_server_that_does_not_read_is_not_sent_more() -> None:
    """Requests wait outside the pipe, and go on in order when it reads again."""

    async def test() -> None:
        wire = Wire()
        wire.fills_with = 1000
        big, *small = [wire.call(size) for size in (2000, 1, 1)]
        assert len(wire.lines) == 1
        await wire.move(UNREAD_LIMIT - 1)
        wire.session.input_free()
        assert [line["id"] for line in wire.lines] == [call.upstream_id for call in (big, *small)]
        await wire.move(UNREAD_LIMIT)
        for call in (big, *small):
            wire.answers(call)
            assert (await result(call)) is not None
        assert wire.hangs == []

    on_a_moved_clock(test)


def test_after_ten_seconds_unread_calls_fail_with_words() -> None:
    """What waits and what is stuck half-way; not what was sent before. New ones are refused."""

    async def test() -> None:
        wire = Wire()
        sent = wire.call()
        await wire.move(0.01)  # what is sent in one turn of the loop is written as one
        wire.fills_with = 1000
        stuck, waiting = wire.call(2000), wire.call()
        await wire.move(UNREAD_LIMIT)
        for call in (stuck, waiting):
            assert "because it has not read its input for 10 s" in await failure(call)
        assert not sent.done
        with pytest.raises(TooBusy, match="not read its input for 10 s"):
            wire.call()
        wire.session.input_free()
        wire.answers(sent)
        again = wire.call()
        wire.answers(again)
        assert again.done
        assert wire.violations == []

    on_a_moved_clock(test)


def test_what_waits_is_bounded_in_bytes() -> None:
    """One big request may always wait; a second one on top of so many bytes may not."""

    async def test() -> None:
        wire = Wire(concurrency=1)
        wire.call()
        wire.call(WAITING_BYTES)
        with pytest.raises(TooBusy, match="16 MiB"):
            wire.call()

    on_a_moved_clock(test)


def test_what_is_no_request_is_bounded_too() -> None:
    """A server that asks and asks but never reads the answers gets only so many, counted."""

    async def test() -> None:
        wire = Wire()
        wire.session.input_full()
        ping = b'{"jsonrpc":"2.0","id":"%b","method":"ping"}' % (b"x" * 1000)
        for _ in range(2 * UNREAD_BYTES // 1000):
            wire.session.received(ping)
        assert 0.9 * UNREAD_BYTES < 1000 * len(wire.lines) < UNREAD_BYTES
        assert set(wire.violations) == {"unread"}
        wire.session.input_free()
        before = len(wire.lines)
        wire.session.received(ping)
        assert len(wire.lines) == before + 1

    on_a_moved_clock(test)


def test_nothing_is_left_running_when_the_connection_is_lost() -> None:
    """A full pipe at the end of a connection is forgotten with it."""

    async def test() -> None:
        wire = Wire()
        call = wire.call()
        wire.session.input_full()
        wire.session.lose()
        await wire.move(UNREAD_LIMIT)
        assert call.done
        assert wire.methods() == ["tools/call"]

    on_a_moved_clock(test)

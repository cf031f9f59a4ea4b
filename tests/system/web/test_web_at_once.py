"""Answers without a task: on real connections, beside those that have one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from core.asgi import Receive, Scope, Send, Turn
from core.model.config import Listen
from core.web.serve import HttpServer, bind_tcp
from core.web.turn import SMALL
from tests.fakes.website import LIMIT

POST = b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


class Answers:
    """Takes requests for ``/now`` and ``/later`` without a task; the rest gets one."""

    def __init__(self) -> None:
        self.later: list[Turn] = []
        self.asked = asyncio.Event()

    def at_once(self, turn: Turn) -> bool:
        path = turn.scope["path"]
        if path == "/now":
            turn.answer(b'{"at":', b'"once"}')
        elif path == "/large":
            turn.answer(b"x" * SMALL, memoryview(b"y" * SMALL))
        elif path == "/later":
            self.later.append(turn)
            self.asked.set()
        else:
            return False
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"task:" + body})


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Answers, HttpServer, int]]:
    answers = Answers()
    server = HttpServer(answers, answers.at_once)
    listener = bind_tcp(Listen(port=0))
    await server.start([listener])
    try:
        yield answers, server, listener.getsockname()[1]
    finally:
        await server.stop(0)


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer, which says how long it is."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
    assert head.startswith(b"HTTP/1.1 200 OK\r\nx-request-id: ")
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return await asyncio.wait_for(reader.readexactly(length), LIMIT)


async def test_an_answer_at_once_is_a_whole_answer(nothing_left: None) -> None:
    """Small parts and large ones arrive put together, one after the other on one connection."""
    async with serving() as (_, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(POST % b"now")
            assert await answer(reader) == b'{"at":"once"}'
        writer.write(POST % b"large")
        assert await answer(reader) == b"x" * SMALL + b"y" * SMALL
        writer.close()
        await writer.wait_closed()


async def test_answers_keep_the_order_of_their_requests(nothing_left: None) -> None:
    """Sent together, what could be answered at once waits for the one before it."""
    async with serving() as (answers, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST % b"later" + POST % b"now" + POST % b"task" + POST % b"now")
        await asyncio.wait_for(answers.asked.wait(), LIMIT)
        answers.later[0].answer(b"first")
        assert await answer(reader) == b"first"
        assert await answer(reader) == b'{"at":"once"}'
        chunked = await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), LIMIT)
        assert b"task:body" in chunked
        assert await answer(reader) == b'{"at":"once"}'
        writer.close()
        await writer.wait_closed()


async def test_a_task_may_take_over(nothing_left: None) -> None:
    """What turns out to need a task gets one, with the connection as its client."""

    async def work(receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one ", b"two "):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"three"})

    async with serving() as (answers, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST % b"later")
        await asyncio.wait_for(answers.asked.wait(), LIMIT)
        answers.later[0].spawn(work)
        streamed = await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), LIMIT)
        assert streamed.index(b"one ") < streamed.index(b"two ") < streamed.index(b"three")
        writer.close()
        await writer.wait_closed()


async def test_an_answer_for_a_client_that_is_gone_harms_nobody(nothing_left: None) -> None:
    """It is dropped, whether it comes as a whole or from a task."""

    async def work(receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"nobody"})
        worked.set()

    worked = asyncio.Event()
    async with serving() as (answers, server, port):
        for _ in range(2):
            answers.asked.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(POST % b"later")
            await asyncio.wait_for(answers.asked.wait(), LIMIT)
            writer.transport.abort()
        await asyncio.wait_for(server.stop(0), LIMIT)  # which leaves no connection
        answers.later[0].answer(b"nobody")
        answers.later[1].spawn(work)
        await asyncio.wait_for(worked.wait(), LIMIT)


async def test_a_stop_gives_what_is_under_way_its_grace(nothing_left: None) -> None:
    """An answer that has no task is waited for like one that has; then its connection closes."""
    async with serving() as (answers, server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST % b"later")
        await asyncio.wait_for(answers.asked.wait(), LIMIT)
        stopping = asyncio.create_task(server.stop(60))
        await asyncio.sleep(0)
        assert not stopping.done()
        answers.later[0].answer(b"in time")
        told = await asyncio.wait_for(reader.read(), LIMIT)
        assert told.endswith(b"\r\nconnection: close\r\n\r\nin time")
        await asyncio.wait_for(stopping, LIMIT)
        writer.close()

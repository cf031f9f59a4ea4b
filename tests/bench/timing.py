"""How long something takes: a function called many times, a request made over one connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from timeit import Timer
from urllib.parse import urlsplit

from tests.bench.answers import Answers
from tests.program import KEY, RunningProgram

PIECE = 1 << 20  # bytes read at once


def seconds(work: Callable[[], object] | str, **names: object) -> float:
    """CPU seconds that ``work`` takes, which is an expression or a function.

    What others do meanwhile does not count; the call of a function does (some 30 ns).
    """
    timer = Timer(work, timer=time.thread_time, globals=names)
    times, took = timer.autorange(None)
    return took / times


async def gets(program: RunningProgram, path: str, times: int) -> list[float]:
    """Seconds of each of so many GET requests, one after the other, in ascending order."""
    port = urlsplit(program.base).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-api-key: {KEY}\r\n\r\n".encode()
    answers = Answers()
    took = []
    try:
        for _ in range(times):
            began = time.perf_counter()
            writer.write(head)
            while (answer := answers.feed(await reader.read(PIECE))) is None:
                pass
            took.append(time.perf_counter() - began)
            assert answer.accepted, answer.head + answer.begin
    finally:
        writer.close()
        await writer.wait_closed()
    return sorted(took)

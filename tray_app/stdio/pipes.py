"""stdin and stdout as lines; two threads do what blocks, and a loop never does.

Threads, because stdin may be a file, and on Windows a pipe that no loop can wait for.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError

READ_SIZE = 64 * 1024
MOST_CHUNKS = 64  # read ahead of what is forwarded
LONGEST_LINE = 16 * 1024 * 1024  # bytes; what the engine takes as a body
MOST_WAITING = 8 * 1024 * 1024  # bytes for a client that does not read, before we stop too
FLUSH_TIME = 2.0  # seconds to write what is left at the end


class Pipes:
    """Reads lines from one descriptor and writes lines to another; made on the running loop."""

    def __init__(self, source: int, target: int) -> None:
        self.broken = asyncio.Event()  # nobody reads any more
        self._source = source
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(MOST_CHUNKS)
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0  # bytes in ``_out``
        self._room = asyncio.Event()
        self._room.set()
        self._writer = threading.Thread(target=self._write_all, name="stdout", daemon=True)
        self._writer.start()
        threading.Thread(target=self._read_all, name="stdin", daemon=True).start()

    async def lines(self) -> AsyncIterator[bytes | None]:
        """Every line that is not empty until the end of input; None for one that is too long."""
        rest = bytearray()
        skipping = False
        while chunk := await self._chunks.get():
            start = 0
            while (end := chunk.find(b"\n", start)) >= 0:
                rest += chunk[start:end]
                line = bytes(rest).strip()
                rest.clear()
                start = end + 1
                if skipping:
                    skipping = False
                elif line:
                    yield line
            rest += chunk[start:]
            if len(rest) > LONGEST_LINE:
                rest.clear()
                if not skipping:
                    skipping = True
                    yield None
        if line := bytes(rest).strip():
            yield line

    async def tell(self, message: bytes) -> None:
        """Write one message as a line; waits as long as too much is unread."""
        if b"\n" in message or b"\r" in message:
            # JSON has no raw line breaks but between its tokens.
            message = message.replace(b"\r", b" ").replace(b"\n", b" ")
        await self._room.wait()
        self._waiting += len(message)
        if self._waiting > MOST_WAITING:
            self._room.clear()
        self._out.put(message + b"\n")

    async def flush(self) -> None:
        """Write what is left, for a moment."""
        self._out.put(None)
        await asyncio.to_thread(self._writer.join, FLUSH_TIME)

    def _read_all(self) -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = os.read(self._source, READ_SIZE)
            except OSError:
                chunk = b""
            waiting = self._chunks.put(chunk)
            try:
                asyncio.run_coroutine_threadsafe(waiting, self._loop).result()
            except RuntimeError:  # the loop is closed: nobody wants more
                waiting.close()
                return
            except CancelledError:  # it is being closed
                return

    def _write_all(self) -> None:
        while (line := self._out.get()) is not None:
            view = memoryview(line)
            try:
                while view:
                    view = view[os.write(self._target, view) :]
                self._loop.call_soon_threadsafe(self._written, len(line) - 1)
            except OSError:
                self._loop.call_soon_threadsafe(self.broken.set)
                return
            except RuntimeError:  # the loop is closed
                return

    def _written(self, count: int) -> None:
        self._waiting -= count
        if self._waiting <= MOST_WAITING:
            self._room.set()

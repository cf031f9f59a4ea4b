"""One child process: its pipes as lines, its end noticed at once, its tree ended for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from core.protocol.framing import LineFramer, Oversize
from core.upstream.process_tree import Force, end_tree

STDERR_LINE = 16 * 1024  # bytes of one stderr line that are kept
DRAIN = 0.1  # seconds for what the process wrote just before it ended
CLOSED_BUT_ALIVE = 0.5  # seconds between the end of its output and its own end
REAP = 2.0  # seconds the system gets to report a killed process

STDIN, STDOUT, STDERR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Grace:
    """Seconds a child gets to end: after its input closes, and after the polite signal.

    The order is MCP's (2025-11-25, basic/lifecycle#shutdown).
    """

    after_eof: float = 2.0
    after_terminate: float = 5.0


class Child(asyncio.SubprocessProtocol):
    """``gone`` is done once the process has ended, or has closed its output and lives on."""

    def __init__(
        self, on_frame: Callable[[bytes | Oversize], None], on_log: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_frame = on_frame
        self._on_log = on_log
        self._output = LineFramer()
        self._errors = LineFramer(STDERR_LINE)
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._output_open = True
        self._process: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._drain: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()

    async def start(
        self, argv: Sequence[str], env: Mapping[str, str], working_dir: str | None
    ) -> None:
        """Start it in a session and process group of its own. Raises OSError."""
        await self._loop.subprocess_exec(
            lambda: self, *argv, env=dict(env), cwd=working_dir, start_new_session=True
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.get_pid()

    @property
    def returncode(self) -> int | None:
        """How it ended: exit code, or minus the signal; None while it lives."""
        return self._process.get_returncode() if self._process is not None else None

    def write(self, line: bytes) -> None:
        """Send a line; silently lost once the process no longer reads."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(line)

    async def close(self, grace: Grace) -> None:
        """Ask it to end, then make it; when this returns nothing of its group is left.

        Takes at most the two graces plus REAP. Being cancelled kills at once.
        """
        if self._process is None:
            return
        try:
            if self._stdin is not None:
                self._stdin.close()
            if not await self._ended_within(grace.after_eof):
                end_tree(self.pid, Force.TERMINATE)
                await self._ended_within(grace.after_terminate)
        finally:
            # Also after a polite end: what it started may still be there.
            end_tree(self.pid, Force.KILL)
            self._process.close()
        await self._ended_within(REAP)

    async def _ended_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self._exited], timeout=seconds)
        return bool(done)

    # --- what the loop reports ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of these kinds without being registered as such
        self._process = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self._process.get_pipe_transport(STDIN))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == STDOUT:
            for frame in self._output.feed(data):
                self._on_frame(frame)
        else:
            for line in self._errors.feed(data):
                self._log(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == STDERR:
            left = self._errors.end()
            if left is not None:
                self._log(left)
        if fd != STDOUT:
            return
        left = self._output.end()
        if left is not None:
            self._on_frame(left)
        self._output_open = False
        self._settle_in(0 if self._exited.done() else CLOSED_BUT_ALIVE)

    def process_exited(self) -> None:
        if not self._exited.done():
            self._exited.set_result(None)
        # Grandchildren may hold the pipes open; they have no business without their parent.
        end_tree(self.pid, Force.KILL)
        self._settle_in(DRAIN if self._output_open else 0)

    def _settle_in(self, seconds: float) -> None:
        """Declare it gone after a moment for what is still in the pipe."""
        if self._drain is not None:
            self._drain.cancel()
        self._drain = self._loop.call_later(seconds, self._settle)

    def _settle(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    def _log(self, frame: bytes | Oversize) -> None:
        if isinstance(frame, Oversize):
            text = f"{frame.head.decode(errors='replace')}… ({frame.length} bytes in one line)"
        else:
            text = frame.decode(errors="replace").rstrip("\r")
        self._on_log(text)

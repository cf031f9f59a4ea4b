"""One child process: its pipes as lines, its end noticed at once, its tree ended for sure."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from subprocess import PIPE

from core.protocol.framing import LineFramer, Oversize
from core.upstream.exit_watch import watch_exit
from core.upstream.process_tree import Force, end_tree

if sys.platform == "win32":
    from asyncio.windows_utils import Popen  # its pipes are of the kind the loop can read
else:
    from subprocess import Popen

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


class Child:
    """``gone`` is done once the process has ended, or has closed a pipe we need and lives on.

    Started by ``subprocess`` and not by the loop, because uvloop's way of starting (0.23) leaves
    copies of the pipes open in the child, so that its closing of them goes unnoticed, and hands
    a file that is no program to a shell.
    """

    def __init__(
        self, on_frame: Callable[[bytes | Oversize], None], on_log: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_frame = on_frame
        self._on_log = on_log
        self._output = LineFramer()
        self._errors = LineFramer(STDERR_LINE)
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._process: Popen[bytes] | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._readers: list[asyncio.ReadTransport] = []
        self._lost: set[int] = set()  # the pipes that are closed
        self._closing = False
        self._settling: asyncio.TimerHandle | None = None
        self.closed_pipe = ""  # "input" or "output": the first one it closed while alive
        self.gone: asyncio.Future[None] = self._loop.create_future()

    async def start(
        self, argv: Sequence[str], env: Mapping[str, str], working_dir: str | None
    ) -> None:
        """Start it in a session and process group of its own. Raises OSError."""

        def start() -> Popen[bytes]:
            return Popen(
                argv,
                bufsize=0,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=env,
                cwd=working_dir,
                start_new_session=True,
            )

        # In a thread, since it waits until the new process runs its program.
        starting = self._loop.run_in_executor(None, start)
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It comes to life all the same: own it, so that it is ended.
            with suppress(OSError):
                self._own(await starting)
            raise
        self._own(process)
        await self._connect(process)

    def _own(self, process: Popen[bytes]) -> None:
        self._process = process
        watch_exit(process, self._process_exited)

    async def _connect(self, process: Popen[bytes]) -> None:
        loop = self._loop
        self._stdin, _ = await loop.connect_write_pipe(partial(_Pipe, self, STDIN), process.stdin)
        for number, pipe in ((STDOUT, process.stdout), (STDERR, process.stderr)):
            reader, _ = await loop.connect_read_pipe(partial(_Pipe, self, number), pipe)
            self._readers.append(reader)

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: exit code, or minus the signal; None while it lives."""
        return self._process.returncode if self._process is not None else None

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
        self._closing = True
        try:
            if self._stdin is not None:
                self._stdin.close()
            if not await self._ended_within(grace.after_eof):
                end_tree(self.pid, Force.TERMINATE)
                await self._ended_within(grace.after_terminate)
        finally:
            # Also after a polite end: what it started may still be there.
            end_tree(self.pid, Force.KILL)
            await self._ended_within(REAP)
            self._release()

    def _release(self) -> None:
        """Close our ends of the pipes, whoever holds the others."""
        assert self._process is not None
        if self._stdin is not None and STDIN not in self._lost:
            self._stdin.abort()
        for reader in self._readers:
            reader.close()
        # Those that a cancelled start has not connected; the others close with their transport.
        connected = int(self._stdin is not None) + len(self._readers)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr)[connected:]:
            if pipe is not None:
                pipe.close()

    async def _ended_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self._exited], timeout=seconds)
        return bool(done)

    # --- what the loop reports ----------------------------------------------------------------

    def received(self, pipe: int, data: bytes) -> None:
        if pipe == STDOUT:
            for frame in self._output.feed(data):
                self._on_frame(frame)
        else:
            for line in self._errors.feed(data):
                self._log(line)

    def lost(self, pipe: int) -> None:
        """One of the pipes is closed, by the process or by us."""
        self._lost.add(pipe)
        framer, take = {
            STDIN: (None, None),
            STDOUT: (self._output, self._on_frame),
            STDERR: (self._errors, self._log),
        }[pipe]
        left = framer.end() if framer is not None else None
        if left is not None and take is not None:
            take(left)
        if pipe == STDOUT and self._exited.done():
            self._settle_in(0)  # nothing more can come
        elif pipe != STDERR and not self._exited.done() and not self._closing:
            self.closed_pipe = self.closed_pipe or ("output" if pipe == STDOUT else "input")
            self._settle_in(CLOSED_BUT_ALIVE)

    def _process_exited(self) -> None:
        self._exited.set_result(None)
        # Grandchildren may hold the pipes open; they have no business without their parent.
        end_tree(self.pid, Force.KILL)
        self._settle_in(0 if self.closed_pipe == "output" else DRAIN)

    def _settle_in(self, seconds: float) -> None:
        """Declare it gone after a moment, or earlier if that was said before."""
        due = self._loop.time() + seconds
        if self._settling is not None:
            if self._settling.when() <= due:
                return
            self._settling.cancel()
        self._settling = self._loop.call_at(due, self._settle)

    def _settle(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    def _log(self, frame: bytes | Oversize) -> None:
        if isinstance(frame, Oversize):
            text = f"{frame.head.decode(errors='replace')}… ({frame.length} bytes in one line)"
        else:
            text = frame.decode(errors="replace").rstrip("\r")
        self._on_log(text)


class _Pipe(asyncio.Protocol):
    """Hands on what the loop says of one pipe."""

    def __init__(self, child: Child, number: int) -> None:
        self._child = child
        self._number = number

    def data_received(self, data: bytes) -> None:
        self._child.received(self._number, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._child.lost(self._number)

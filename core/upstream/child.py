"""One child process: its pipes as lines, its end noticed at once, its tree ended for sure."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from subprocess import PIPE
from typing import IO, Protocol

from core.protocol.framing import LineFramer, Oversize
from core.upstream.exit_watch import watch_exit
from core.upstream.intake import Frame, Intake
from core.upstream.pipe_end import PipeEnd
from core.upstream.process_tree import Force, Tree
from core.upstream.throttle import Garbage, Throttle

if sys.platform == "win32":
    from asyncio.windows_utils import Popen  # its pipes are of the kind the loop can read
else:
    from subprocess import Popen

LARGE = 32 * 1024  # bytes of a line to it that is not kept for others of the same turn
STDERR_LINE = 16 * 1024  # bytes of one stderr line that are kept
STDERR_LINE_COST = 256  # bytes that a line counts for beside its own
STDERR_RATE = 8 * 1024 * 1024  # bytes per second that are read
DRAIN = 0.1  # seconds for what the process wrote just before it ended
DRAIN_LIMIT = 2.0  # seconds for all of it, if there is much
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


class Listener(Protocol):
    """Who is told what a child does."""

    def received(self, frame: Frame) -> bool:
        """A line of its output; whether it was one that may be there."""

    def said(self, line: str) -> None:
        """A line of its stderr."""

    def stirred(self) -> None:
        """Something came on its stderr, perhaps not a whole line."""

    def input_full(self) -> None:
        """It does not read: write no more than must be."""

    def input_free(self) -> None:
        """It reads again."""


class Child:
    """``gone`` is done once the process has ended, or has closed a pipe we need and lives on.

    Started by ``subprocess`` and not by the loop, because uvloop's way of starting (0.23) leaves
    copies of the pipes open in the child, so that its closing of them goes unnoticed, and hands
    a file that is no program to a shell.
    """

    def __init__(self, listener: Listener) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._garbage = Garbage()
        stderr = Throttle(STDERR_RATE, STDERR_RATE)
        self._intakes = {
            STDOUT: Intake(LineFramer(), self._take, self._garbage_came),
            STDERR: Intake(LineFramer(STDERR_LINE), self._log, stderr.spend),
        }
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._process: Popen[bytes] | None = None
        self._tree: Tree | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._unwritten: list[bytes] = []
        self._readers: list[asyncio.ReadTransport] = []
        self._lost: set[int] = set()  # the pipes that are closed
        self._closing = False
        self._drained_by = 0.0
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
        self._tree = Tree(process)
        watch_exit(process, self._process_exited)

    async def _connect(self, process: Popen[bytes]) -> None:
        loop = self._loop
        assert process.stdin is not None
        self._stdin, _ = await loop.connect_write_pipe(
            partial(_Pipe, self, STDIN), self._end_of(process.stdin)
        )
        for number, pipe in ((STDOUT, process.stdout), (STDERR, process.stderr)):
            assert pipe is not None
            reader, _ = await loop.connect_read_pipe(
                partial(_Pipe, self, number), self._end_of(pipe)
            )
            self._intakes[number].attach(reader)
            self._readers.append(reader)

    def _end_of(self, pipe: IO[bytes]) -> IO[bytes] | PipeEnd:
        return pipe if sys.platform == "win32" else PipeEnd(pipe, self._loop)

    @property
    def flooded(self) -> bool:
        """Whether it was ended because it wrote garbage without an end."""
        return self._garbage.flood

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
        """Send a line, with all others of this turn of the loop; silently lost once the process
        no longer reads."""
        if not self._unwritten:
            self._loop.call_soon(self._flush)
        self._unwritten.append(line)
        if len(line) >= LARGE:
            self._flush()  # now, so that a pipe it fills is known before the next

    def _flush(self) -> None:
        lines, self._unwritten = self._unwritten, []
        if lines and self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(lines[0] if len(lines) == 1 else b"".join(lines))

    async def close(self, grace: Grace, forcing: Callable[[], object]) -> None:
        """Ask it to end, then make it; when this returns nothing of its group is left.

        ``forcing`` is called when asking was in vain. Takes at most the two graces plus REAP.
        Being cancelled kills at once.
        """
        if self._process is None:
            return
        self._closing = True
        self._intakes[STDOUT].discard()
        try:
            if self._stdin is not None:
                self._end_input(self._stdin)
            if not await self._ended_within(grace.after_eof):
                forcing()
                self._end_tree(Force.TERMINATE)
                await self._ended_within(grace.after_terminate)
        finally:
            # Also after a polite end: what it started may still be there.
            self._end_tree(Force.KILL)
            await self._ended_within(REAP)
            self._release()

    def _end_input(self, stdin: asyncio.WriteTransport) -> None:
        # What it has not read so far it will not read now, and would not see the end.
        if stdin.get_write_buffer_size():
            stdin.abort()
        else:
            stdin.close()

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

    def _end_tree(self, force: Force) -> None:
        if self._tree is not None:
            self._tree.end(force)

    async def _ended_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self._exited], timeout=seconds)
        return bool(done)

    # --- what the loop reports ----------------------------------------------------------------

    def received(self, pipe: int, data: bytes) -> None:
        if pipe == STDERR:
            self._listener.stirred()
        self._intakes[pipe].received(data)

    def lost(self, pipe: int) -> None:
        """One of the pipes is closed, by the process or by us."""
        self._lost.add(pipe)
        if pipe != STDIN:
            self._intakes[pipe].ended()
        if pipe == STDOUT and self._exited.done():
            self._settle_in(0)  # nothing more can come
        elif pipe != STDERR and not self._exited.done() and not self._closing:
            self.closed_pipe = self.closed_pipe or ("output" if pipe == STDOUT else "input")
            self._settle_in(CLOSED_BUT_ALIVE)

    def input_full(self) -> None:
        self._listener.input_full()

    def input_free(self) -> None:
        self._listener.input_free()

    def _process_exited(self) -> None:
        assert self._process is not None
        # Grandchildren may hold the pipes open; they have no business without their parent. Its
        # group is ended before it is collected, and not again: then the number may be another's.
        if self._tree is not None:
            self._tree.close()
            self._tree = None
        self._process.poll()
        self._exited.set_result(None)
        self._drained_by = self._loop.time() + DRAIN_LIMIT
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
        self._settling = None
        behind = self._intakes[STDOUT].behind and not self._garbage.flood
        if behind and self._exited.done() and self._loop.time() < self._drained_by:
            self._settle_in(DRAIN)  # it wrote much just before it ended
        elif not self.gone.done():
            self.gone.set_result(None)

    def _take(self, frame: Frame) -> float:
        if self._listener.received(frame):
            return 0.0
        # The bytes of a line over the cap were counted as they came.
        return 1.0 if isinstance(frame, Oversize) else float(len(frame))

    def _garbage_came(self, size: float, now: float) -> float:
        wait = self._garbage.took(size, now)
        if self._garbage.flood and not self._exited.done():
            self._end_tree(Force.KILL)
        return wait

    def _log(self, frame: Frame) -> float:
        if isinstance(frame, Oversize):
            text = f"{frame.head.decode(errors='replace')}… ({frame.length} bytes in one line)"
            self._listener.said(text)
            return STDERR_LINE_COST
        self._listener.said(frame.decode(errors="replace").rstrip("\r"))
        return STDERR_LINE_COST + len(frame)


class _Pipe(asyncio.Protocol):
    """Hands on what the loop says of one pipe."""

    def __init__(self, child: Child, number: int) -> None:
        self._child = child
        self._number = number

    def data_received(self, data: bytes) -> None:
        self._child.received(self._number, data)

    def pause_writing(self) -> None:
        self._child.input_full()

    def resume_writing(self) -> None:
        self._child.input_free()

    def connection_lost(self, exc: Exception | None) -> None:
        self._child.lost(self._number)

"""Where a person sits: the same few verbs for a fake panel on a bus and for the real desktop.

One set of expectations runs against both, so that the fake cannot drift from what panels do.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from tests.fakes.tray_bus import NO_SERVICES, PrivateBus
from tests.fakes.tray_host import FakeHost, ItemReader

T = TypeVar("T")
LIMIT = 30.0


class Seat(Protocol):
    """A desktop with a panel that can come, go and be clicked."""

    @property
    def env(self) -> Mapping[str, str]:
        """What a program started at this seat needs in its environment."""

    def start_panel(self) -> None: ...
    def kill_panel(self) -> None: ...
    def icon_appears(self) -> None:
        """Return when the icon is there. Raises AssertionError if it does not come."""

    def icon_is_gone(self) -> None:
        """Return when no icon is left."""

    def choose(self, *starts: str) -> None:
        """Click down the menu to the row reached by labels that start so."""

    def ask(self, question: Callable[[ItemReader], Awaitable[T]]) -> T:
        """Put a question to the one registered item over the bus."""


class FakeSeat:
    """A private bus and our own small host, its loop on a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self.bus = PrivateBus(directory)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake panel")
        self.host: FakeHost | None = None
        self.env = {"DBUS_SESSION_BUS_ADDRESS": self.bus.address, **NO_SERVICES}

    def open(self) -> None:
        self.bus.start()
        self._thread.start()

    def close(self) -> None:
        self.kill_panel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)
        self._loop.close()
        self.bus.kill()

    def start_panel(self) -> None:
        self.host = self.run(_started(self.bus.address))

    def start_without_tray(self) -> None:
        """A desktop as GNOME comes: it shows notifications, and no icons."""
        self.host = self.run(_started(self.bus.address, watches=False))

    def kill_panel(self) -> None:
        if self.host is not None:
            self.run(self.host.stop())
            self.host = None

    def icon_appears(self) -> None:
        self.ask(_is_shown)

    def icon_is_gone(self) -> None:
        host = self._present()
        self.run(host.until(lambda: not host.items))

    def choose(self, *starts: str) -> None:
        self.ask(lambda item: item.click(*starts))

    def ask(self, question: Callable[[ItemReader], Awaitable[T]]) -> T:
        host = self._present()

        async def asked() -> T:
            return await question(await host.item())

        return self.run(asked())

    def run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT)

    def _present(self) -> FakeHost:
        assert self.host is not None, "start the panel first"
        return self.host


async def _started(address: str, *, watches: bool = True) -> FakeHost:
    host = FakeHost(address)
    await host.start(watches=watches)
    return host


async def _is_shown(item: ItemReader) -> None:
    properties = await item.properties()
    assert properties["Status"] in ("Active", "NeedsAttention")
    assert properties["IconPixmap"]


class RunningTray:
    """``tests.fakes.tray_program`` as a child process: what it prints, and what it is told.

    ``module`` is the same on another platform.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *servers: str,
        wrapper: Sequence[str] = (),
        module: str = "tray_program",
    ) -> None:
        self._process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", f"tests.fakes.{module}", *servers],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="tray output")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def expect(self, start: str) -> str:
        """Wait for a line that starts so; each line is found once, earlier ones are skipped."""
        with self._news:
            found = self._news.wait_for(lambda: self._take(start), LIMIT)
        if not found:
            raise AssertionError(f"{start!r} was not printed, but {self._lines}")
        return found

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Wait for its end; the exit status and what it wrote to stderr."""
        status = self._process.wait(LIMIT)
        assert self._process.stderr is not None
        return status, self._process.stderr.read()

    def _take(self, start: str) -> str | None:
        for place, line in enumerate(self._lines):
            if line.startswith(start):
                del self._lines[: place + 1]
                return line
        return None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()

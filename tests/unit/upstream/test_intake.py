"""A pipe is read on only when what was read is dealt with, and no turn of the loop takes long."""

from __future__ import annotations

import asyncio

import pytest

from core.protocol.framing import LineFramer
from core.upstream.intake import SLICE, Frame, Intake

LIMIT = 30.0


class Pipe(asyncio.ReadTransport):
    """Notes whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = True
        self.history: list[bool] = []
        self.resumed = asyncio.Event()

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.read = False
        self.history.append(False)

    def resume_reading(self) -> None:
        self.read = True
        self.history.append(True)
        self.resumed.set()


class Reader:
    """Takes lines; every line takes ``work`` seconds, and may count for its length."""

    def __init__(self, work: float = 0.0, counts: bool = False, wait: float = 0.0) -> None:
        self.lines: list[Frame] = []
        self.paced: list[float] = []
        self.work = work
        self.counts = counts
        self.wait = wait
        self.pipe = Pipe()
        self.intake = Intake(LineFramer(), self.take, self.pace)
        self.intake.attach(self.pipe)

    def take(self, frame: Frame) -> float:
        self.lines.append(frame)
        until = asyncio.get_running_loop().time() + self.work
        while asyncio.get_running_loop().time() < until:
            pass
        return float(len(bytes(frame))) if self.counts and isinstance(frame, bytes) else 0.0

    def pace(self, size: float, now: float) -> float:
        self.paced.append(size)
        return self.wait

    async def done(self) -> None:
        """Wait until the pipe is read on."""
        await asyncio.wait_for(self.pipe.resumed.wait(), LIMIT)
        assert not self.intake.behind


async def test_what_takes_no_time_is_taken_at_once() -> None:
    """No pause and no turn of the loop for ordinary lines."""
    reader = Reader()
    reader.intake.received(b"one\ntwo\nthr")
    reader.intake.received(b"ee\n")
    assert reader.lines == [b"one", b"two", b"three"]
    assert (reader.pipe.history, reader.paced, reader.intake.behind) == ([], [], False)


async def test_much_work_is_done_in_slices() -> None:
    """Others get their turn in between; meanwhile the pipe is not read; the order stays."""
    reader = Reader(work=SLICE / 4)
    lines = [b"%d" % number for number in range(40)]
    reader.intake.received(b"\n".join(lines) + b"\n")
    assert 0 < len(reader.lines) <= 6
    assert not reader.pipe.read
    await reader.done()
    assert reader.lines == lines
    assert reader.pipe.history == [False, True]


async def test_what_counts_is_paced() -> None:
    """After each line that counts the pace is asked, and waited for with the pipe held back."""
    reader = Reader(counts=True, wait=0.01)
    began = asyncio.get_running_loop().time()
    reader.intake.received(b"a\nbb\nccc\n")
    assert reader.lines == [b"a"]
    await reader.done()
    assert (reader.lines, reader.paced) == ([b"a", b"bb", b"ccc"], [1.0, 2.0, 3.0])
    assert asyncio.get_running_loop().time() - began >= 0.02
    assert reader.pipe.read


async def test_a_line_without_an_end_is_paced_as_it_comes() -> None:
    """What is dropped counts for less, but it counts."""
    reader = Reader()
    reader.intake = Intake(LineFramer(2000), reader.take, reader.pace)
    reader.intake.received(b"x" * 1600)
    assert reader.paced == []
    reader.intake.received(b"x" * 1600)
    assert reader.paced == [100.0]


@pytest.mark.parametrize("wait", [0.0, 60.0])
async def test_the_end_takes_what_is_left(wait: float) -> None:
    """All of it and an unfinished line, however long one would have had to wait."""
    reader = Reader(counts=True, wait=wait)
    reader.intake.received(b"a\nb\nc\nunfinished")
    reader.intake.ended()
    assert reader.lines == [b"a", b"b", b"c", b"unfinished"]
    assert not reader.intake.behind


async def test_discarding_reads_on_and_forgets() -> None:
    """A child that is to end must not be stuck writing, and nobody wants its words."""
    reader = Reader(counts=True, wait=60.0)
    reader.intake.received(b"a\nb\n")
    assert not reader.pipe.read
    reader.intake.discard()
    assert reader.pipe.read
    reader.intake.received(b"c\n")
    reader.intake.ended()
    assert reader.lines == [b"a"]

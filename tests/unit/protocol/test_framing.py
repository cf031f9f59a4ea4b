"""Lines from bytes: the same whatever the pieces they come in, and never too much of them."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol.framing import EDGE, LineFramer, Oversize
from tests.fakes.faultsrv.hostile import LINES

Frame = bytes | Oversize

LIMIT = EDGE + 76
"""A small cap; a real one is far above the size of a read, but that of stderr is below it."""


def frames(chunks: list[bytes], limit: int = LIMIT) -> list[Frame]:
    framer = LineFramer(limit)
    found = [frame for chunk in chunks for frame in framer.feed(chunk)]
    last = framer.end()
    assert framer.end() is None
    return found if last is None else [*found, last]


def expected(stream: bytes, limit: int = LIMIT) -> list[Frame]:
    return [
        line if len(line) <= limit else Oversize(len(line), line[:EDGE], line[-EDGE:])
        for line in stream.split(b"\n")
        if line not in (b"", b"\r")
    ]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces, which may be longer than the cap."""
    every = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(every)]


COUNTING = b"".join(b"%07d " % number for number in range(1000))
LENGTHS = st.sampled_from([0, 1, 2, 7, EDGE - 1, EDGE, EDGE + 1, LIMIT - 1, LIMIT, LIMIT + 1, 7000])
LINE = st.builds(
    lambda length, start, end: COUNTING[start : start + length] + end,
    LENGTHS,
    st.integers(0, 900),
    st.sampled_from([b"", b"\r", b"\xff", b"\x00"]),
)
STREAMS = st.builds(
    lambda lines, end: b"\n".join(lines) + end, st.lists(LINE), st.sampled_from([b"", b"\n"])
)


@given(STREAMS, st.lists(st.integers(0, 10**6), max_size=30))
def test_pieces_do_not_matter(stream: bytes, places: list[int]) -> None:
    """However a stream is cut, the frames are its lines; long ones are told by their ends."""
    assert frames(cut(stream, places)) == expected(stream)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_any_bytes(stream: bytes, places: list[int]) -> None:
    """Bytes that are no text at all are framed like any others."""
    assert frames(cut(stream, places)) == expected(stream)


@given(st.lists(st.sampled_from([b"{}", b"", b"\r", b"x" * 9]), max_size=20))
def test_byte_by_byte(lines: list[bytes]) -> None:
    """One byte at a time gives what one piece gives."""
    stream = b"\n".join(lines)
    assert frames([bytes([byte]) for byte in stream]) == frames([stream])


def test_hostile_lines_are_lines() -> None:
    """The fault server's corpus is framed line by line."""
    stream = b"\n".join(LINES) + b"\n"
    wanted = [line for line in LINES if line not in (b"", b"\r")]
    assert frames([stream], 1 << 24) == wanted


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ([], []),
        ([b""], []),
        ([b"\n\r\n\n"], []),
        ([b"a\n"], [b"a"]),
        ([b"a\r\n"], [b"a\r"]),
        ([b"a\r", b"\n"], [b"a\r"]),
        ([b"\r", b"\n"], []),
        ([b"a", b"", b"b"], [b"ab"]),
        ([b"a", b"\n", b"b\nc"], [b"a", b"b", b"c"]),
        ([b"last without newline"], [b"last without newline"]),
    ],
)
def test_small_streams(chunks: list[bytes], wanted: list[Frame]) -> None:
    """Blank lines vanish, a carriage return stays, the last line needs no newline."""
    assert frames(chunks) == wanted


def test_goes_on_after_a_long_line() -> None:
    """A line over the cap is reported once, when it ends; the lines around it are whole."""
    framer = LineFramer(LIMIT)
    assert framer.feed(b"before\n" + b"x" * 1000) == [b"before"]
    for _ in range(100):
        assert framer.feed(b"y" * 1000) == []
    assert framer.feed(b"z\nafter\n") == [
        Oversize(101_001, b"x" * 1000 + b"y" * (EDGE - 1000), b"y" * (EDGE - 1) + b"z"),
        b"after",
    ]
    assert framer.end() is None


def test_long_line_without_end_is_reported() -> None:
    """The stream may end inside a line over the cap."""
    framer = LineFramer(LIMIT)
    framer.feed(b"x" * LIMIT)
    framer.feed(b"y")
    assert framer.end() == Oversize(LIMIT + 1, b"x" * EDGE, b"x" * (EDGE - 1) + b"y")


def test_memory_is_bounded() -> None:
    """A line fifty times the cap never holds more than a few times the cap."""
    limit = 1 << 20
    framer = LineFramer(limit)
    tracemalloc.start()
    try:
        for number in range(50 * 16):
            framer.feed(b"%c" % (97 + number % 26) * (limit // 16))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * limit
    found = framer.end()
    assert isinstance(found, Oversize)
    assert found.length == 50 * limit

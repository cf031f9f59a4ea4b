"""Server-sent events, whichever way their bytes arrive."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.upstream.event_stream import Event, EventStream, EventTooLong

SAMPLE = (
    b"\xef\xbb\xbf: a comment\r\n\r\nid: 1\r\nevent: told\r\ndata: {\r\ndata: }\r\n\r\n"
    b"data:x\r\rretry: 250\n\ndata\n\nid: 7\ndata:\n\nunknown: y\n\ndata: cut off"
)
EVENTS = [
    Event("told", b"{\n}"),
    Event("message", b"x"),
    Event("message", b""),
    Event("message", b""),
]


def read(pieces: list[bytes]) -> tuple[list[Event], bytes, float | None]:
    stream = EventStream()
    events = [event for piece in pieces for event in stream.feed(piece)]
    return events, stream.last_id, stream.retry


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def test_what_the_standard_says_is_read() -> None:
    """Comments, three kinds of line ends, several lines of data, ids, and what is unknown."""
    assert read([SAMPLE]) == (EVENTS, b"7", 0.25)


@given(st.lists(st.integers(3, len(SAMPLE)), max_size=12))
def test_the_seams_do_not_matter(places: list[int]) -> None:
    """Cut anywhere, the same events come out."""
    assert read(cut(SAMPLE, places)) == (EVENTS, b"7", 0.25)


@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n")), max_size=5)
)
def test_any_text_comes_through(texts: list[str]) -> None:
    """Line separators of other alphabets end no line here."""
    data = "".join(f"data: {text}\n\n" for text in texts).encode()
    assert [event.data.decode() for event in read([data])[0]] == texts


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    """Whatever arrives, it is read or left out."""
    EventStream().feed(data)


@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_an_event_over_the_limit_ends_the_stream(end: bytes) -> None:
    """Whole or unfinished, it is not kept."""
    stream = EventStream(limit=100)
    assert len(stream.feed(b"data: " + b"x" * 90 + b"\n\n")) == 1
    with pytest.raises(EventTooLong):
        stream.feed(b"data: " + b"x" * 100 + end)


def test_no_server_makes_us_wait_for_ever() -> None:
    """Its wish for a pause has an end; nonsense is left out."""
    assert read([b"retry: 99999999999\n\n"])[2] == 60.0
    assert read([b"retry: soon\n\n"])[2] is None

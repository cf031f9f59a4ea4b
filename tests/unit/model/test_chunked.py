"""The map in chunks: what a dict would say, of every version there ever was."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from core.model.chunked import CHUNK, Chunked, chunks, of_each_chunk

# Few enough to meet again, and enough for several chunks; what is gone comes back.
KEYS = st.integers(0, 3 * CHUNK)

Version = tuple[Chunked[int, int], dict[int, int]]


def says_the_same(chunked: Chunked[int, int], expected: dict[int, int]) -> None:
    """Order included, by every way of reading."""
    assert list(chunked) == list(expected)
    assert list(chunked.items()) == list(expected.items())
    assert list(chunked.values()) == list(expected.values())
    assert list(chunked.keys()) == list(expected)
    assert len(chunked) == len(expected)
    assert bool(chunked) is bool(expected)
    assert chunked == expected
    assert sum(of_each_chunk(chunked, sum)) == sum(of_each_chunk(expected, sum))
    assert [key for chunk in chunks(chunked) for key in chunk] == list(expected)
    for key in range(-1, 3 * CHUNK + 2):
        assert (key in chunked) is (key in expected)
        assert chunked.get(key) == expected.get(key)
        assert chunked.get(key, "none") == expected.get(key, "none")
        try:
            found = chunked[key]
        except KeyError:
            assert key not in expected
        else:
            assert found == expected[key]


class Versions(RuleBasedStateMachine):
    """Changes any version into a new one, beside a dict that is copied; judges all at the end."""

    made: Bundle[Version] = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Version] = []

    def keep(self, chunked: Chunked[int, int], expected: dict[int, int]) -> Version:
        self.all.append((chunked, expected))
        return chunked, expected

    @rule(target=made, keys=st.lists(KEYS, max_size=3 * CHUNK))
    def begin(self, keys: list[int]) -> Version:
        entries = {key: -key for key in keys}
        return self.keep(Chunked(entries.items()), entries)

    @rule(target=made, version=made, key=KEYS, value=st.integers())
    def put(self, version: Version, key: int, value: int) -> Version:
        return self.keep(version[0].put(key, value), {**version[1], key: value})

    @rule(target=made, version=made, keys=st.lists(KEYS, min_size=1, max_size=2 * CHUNK))
    def put_many(self, version: Version, keys: list[int]) -> Version:
        chunked, expected = version[0], dict(version[1])
        for key in keys:
            chunked, expected[key] = chunked.put(key, key), key
        return self.keep(chunked, expected)

    @rule(target=made, version=made, data=st.data())
    def remove_many(self, version: Version, data: st.DataObject) -> Version:
        chunked, expected = version[0], dict(version[1])
        gone = data.draw(st.sets(st.sampled_from(sorted(expected)))) if expected else set()
        for key in gone:
            chunked = chunked.without(key)
            del expected[key]
        return self.keep(chunked, expected)

    @rule(target=made, version=made, key=KEYS)
    def remove(self, version: Version, key: int) -> Version:
        left = {other: value for other, value in version[1].items() if other != key}
        return self.keep(version[0].without(key), left)

    def teardown(self) -> None:
        for chunked, expected in self.all:
            says_the_same(chunked, expected)


TestVersions = Versions.TestCase
TestVersions.__doc__ = "Whatever is put and removed, every version stays what it was made to be."


def test_a_change_shares_what_it_does_not_touch() -> None:
    """Of a thousand entries a change copies one chunk: the others are the same objects."""
    before = Chunked((number, number) for number in range(1_000))
    after = before.put(500, 0)
    differing = [one is not other for one, other in zip(before._chunks, after._chunks, strict=True)]
    assert sum(differing) == 1
    assert after._places is before._places


def test_what_is_made_of_a_chunk_is_made_once() -> None:
    """After a change only the chunk that differs is worked out again."""
    asked: list[int] = []

    def total(values: Collection[int]) -> int:
        asked.append(len(values))
        return sum(values)

    before = Chunked((number, 1) for number in range(3 * CHUNK))
    assert sum(of_each_chunk(before, total)) == sum(of_each_chunk(before, total)) == 3 * CHUNK
    after = before.put(CHUNK, 2)
    assert sum(of_each_chunk(after, total)) == 3 * CHUNK + 1
    assert sum(of_each_chunk(before, total)) == 3 * CHUNK
    assert asked == 4 * [CHUNK]


@given(st.integers(1, 2_000))
def test_who_comes_and_goes_leaves_nothing(rounds: int) -> None:
    """Ever new names in a small map do not make it grow."""
    chunked = Chunked([("stays", 0)])
    for number in range(rounds):
        chunked = chunked.put(f"new{number}", number).without(f"new{number}")
    assert list(chunked) == ["stays"]
    assert len(chunked._places) <= CHUNK + 3
    assert len(chunked._chunks) <= 3

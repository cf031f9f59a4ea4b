"""A map that is replaced and never changed, and of which a changed copy costs next to nothing.

The entries lie in chunks, plain dicts of at most ``CHUNK``, in the order in which they came. A
copy shares every chunk but the one that differs, so it costs one small dict and a tuple of
references, where a copy of a plain dict costs all entries (docs/decisions/0037). What is worked
out of each chunk is kept with it, so that sums over all entries cost what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, Mapping, ValuesView
from itertools import chain
from typing import TypeVar, cast, overload

CHUNK = 64

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
T = TypeVar("T")


class Chunked(Mapping[K, V]):
    """Reads like a dict and iterates in a dict's order, in any thread."""

    __slots__ = ("_chunks", "_length", "_made", "_places")

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        items = list(dict(entries).items())
        self._length = len(items)
        self._chunks = tuple(dict(items[at : at + CHUNK]) for at in range(0, len(items), CHUNK))
        # What functions made of the values of each chunk. Two threads may both make the same.
        self._made: tuple[dict[object, object], ...] = tuple({} for _ in self._chunks)
        # In which chunk a key is, if it is in one: all versions share this, and what one of them
        # lacks is not in that chunk of its own. It only grows, by ``setdefault``, which is one
        # step for all threads; a version that needs a key elsewhere gets places of its own.
        self._places: dict[object, int] = {
            key: number // CHUNK for number, (key, _) in enumerate(items)
        }

    def put(self, key: K, value: V) -> Chunked[K, V]:
        """The same with one entry set: where it was, or else at the end."""
        if key in self:
            place = self._places[key]
            return self._changed(place, {**self._chunks[place], key: value}, 0)
        place, last = len(self._chunks) - 1, self._chunks[-1] if self._chunks else {}
        if not self._chunks or len(last) >= CHUNK:
            place, last = place + 1, {}
        new = self._changed(place, {**last, key: value}, 1)
        if self._places.setdefault(key, place) != place:
            new._places = {**self._places, key: place}
        return new

    def without(self, key: K) -> Chunked[K, V]:
        """The same without one entry, if there is one."""
        if key not in self:
            return self
        place = self._places[key]
        left = {other: value for other, value in self._chunks[place].items() if other != key}
        new = self._changed(place, left, -1)
        # What goes leaves a hole and a place; before they are the greater part, all moves up.
        return new if len(new._places) <= 2 * new._length + CHUNK else Chunked(new.items())

    def _changed(self, place: int, chunk: dict[K, V], more: int) -> Chunked[K, V]:
        new: Chunked[K, V] = Chunked.__new__(Chunked)
        new._chunks = (*self._chunks[:place], chunk, *self._chunks[place + 1 :])
        new._made = (*self._made[:place], {}, *self._made[place + 1 :])
        new._length = self._length + more
        new._places = self._places
        return new

    @property
    def chunks(self) -> tuple[Mapping[K, V], ...]:
        """All entries in pieces; versions share those in which they are alike."""
        return self._chunks

    def of_each_chunk(self, function: Callable[[Collection[V]], T]) -> Iterator[T]:
        """See ``of_each_chunk`` below."""
        for chunk, made in zip(self._chunks, self._made, strict=True):
            if function not in made:
                made[function] = function(chunk.values())
            yield cast("T", made[function])

    def __getitem__(self, key: K) -> V:
        try:
            return self._chunks[self._places[key]][key]
        except IndexError:  # another version has it, further behind
            raise KeyError(key) from None

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: D | None = None) -> V | D | None:
        try:
            return self._chunks[self._places[key]][key]
        except (KeyError, IndexError):
            return default

    def __contains__(self, key: object) -> bool:
        try:
            return key in self._chunks[self._places[key]]
        except (KeyError, IndexError):
            return False

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._chunks)

    def __len__(self) -> int:
        return self._length

    def items(self) -> ItemsView[K, V]:
        return _Items(self)

    def values(self) -> ValuesView[V]:
        return _Values(self)

    def __repr__(self) -> str:
        return f"Chunked({dict(self)!r})"


class _Items(ItemsView[K, V]):
    _mapping: Chunked[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return chain.from_iterable(map(dict.items, self._mapping._chunks))


class _Values(ValuesView[V]):
    _mapping: Chunked[object, V]

    def __iter__(self) -> Iterator[V]:
        return chain.from_iterable(map(dict.values, self._mapping._chunks))


def chunks(entries: Mapping[K, V]) -> tuple[Mapping[K, V], ...]:
    """The pieces of a map in chunks; another is one piece."""
    return entries.chunks if isinstance(entries, Chunked) else (entries,)


def of_each_chunk(entries: Mapping[K, V], function: Callable[[Collection[V]], T]) -> Iterator[T]:
    """What a function makes of the values of each chunk, worked out once as long as it stays.

    The function is one of a module, and makes the same of the same values; what it made is not
    changed. Another map than one in chunks is one chunk, and worked out each time.
    """
    if isinstance(entries, Chunked):
        return entries.of_each_chunk(function)
    return iter([function(entries.values())])

"""A map that is replaced and never changed, and of which a changed copy costs next to nothing.

The entries lie in chunks, plain dicts of at most ``CHUNK``, in the order in which they came. A
copy shares every chunk but the one that differs, so it costs one small dict and a tuple of
references, where a copy of a plain dict costs all entries (docs/decisions/0037).
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from itertools import chain
from typing import TypeVar, overload

CHUNK = 64

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class Chunked(Mapping[K, V]):
    """Reads like a dict and iterates in a dict's order, in any thread."""

    __slots__ = ("_chunks", "_length", "_places")

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        items = list(dict(entries).items())
        self._length = len(items)
        self._chunks = tuple(dict(items[at : at + CHUNK]) for at in range(0, len(items), CHUNK))
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
        new._length = self._length + more
        new._places = self._places
        return new

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

"""Words that people and tools use for the same thing, so that a paraphrase finds it too.

General words of computing only: names of products, and what means something else elsewhere, are
left out. A related word counts far less than the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from core.search.words import stem

RELATED = 0.3  # how much a related word counts; between 0.2 and 0.4 it hardly matters

_GROUPS = """
delete remove erase drop discard clear
create make add new produce generate insert build
list show display enumerate view
find search lookup locate query
read get fetch retrieve obtain
write save store persist record
update edit modify change replace alter
move rename
copy duplicate clone
folder directory
send post publish submit
picture image photo
page site website url web
history log
difference diff compare
run execute invoke
stop end kill terminate cancel
connect link relate relation relationship
information info detail metadata
permit allow
translate convert
email mail
"""


@cache
def _related() -> Mapping[str, frozenset[str]]:
    groups = [frozenset(map(stem, line.split())) for line in _GROUPS.strip().splitlines()]
    known: dict[str, frozenset[str]] = {}
    for group in groups:
        for word in group:
            known[word] = known.get(word, frozenset()) | group
    return known


def related(word: str) -> tuple[str, ...]:
    """Other words for the same thing, in a fixed order."""
    return tuple(sorted(_related().get(word, frozenset()) - {word}))

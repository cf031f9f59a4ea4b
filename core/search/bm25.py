"""Ranking tools by BM25 over one immutable segment per server.

BM25F (Robertson, Zaragoza, Taylor 2004): how often a word occurs in each field of a tool is
weighted and damped by the field's length before it is saturated. Lengths are compared with
fixed typical ones instead of the catalogue's averages, so that a segment depends on its own
server alone and every weight is computed once, when it is built. Only how rare a word is
depends on the other segments; that is counted at query time, for the words asked for.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.model.tools import Tool
from core.protocol.annotations import Effect, effect_of
from core.search.thesaurus import RELATED, related
from core.search.words import words

SATURATION = 1.2  # BM25's k1
COMMON = 200  # tools: a merely related word that more have, and a twentieth of all, tells nothing


@dataclass(frozen=True, slots=True)
class Field:
    """How one part of a tool counts. ``damping`` is BM25's b, ``typical`` a length in words."""

    weight: float
    damping: float
    typical: float


NAME = Field(weight=3.0, damping=0.3, typical=4.0)
SERVER = Field(weight=1.0, damping=0.0, typical=1.0)
DESCRIPTION = Field(weight=1.0, damping=0.6, typical=25.0)
PARAMETERS = Field(weight=0.7, damping=0.6, typical=5.0)


@dataclass(frozen=True, slots=True)
class Hit:
    """A tool that was found; a higher score is a better match."""

    server: str
    tool: str
    score: float


Posting = tuple[int, float]  # index of the tool, saturated weight of the word in it


@dataclass(frozen=True, slots=True)
class Segment:
    """What search knows of one server's tools."""

    server: str
    tools: tuple[str, ...]
    effects: tuple[Effect, ...] = field(repr=False)
    postings: Mapping[str, tuple[Posting, ...]] = field(repr=False)

    @classmethod
    def build(cls, server: str, tools: Sequence[Tool]) -> Segment:
        """Index the tools; takes a fraction of a millisecond for each."""
        postings: dict[str, list[Posting]] = {}
        for index, tool in enumerate(tools):
            for word, weight in _weights(server, tool).items():
                posting = (index, weight / (SATURATION + weight))
                postings.setdefault(word, []).append(posting)
            time.sleep(0)  # lets the thread that serves go first; it need not wait for a segment
        return cls(
            server,
            tuple(tool.name for tool in tools),
            tuple(effect_of(tool.raw) for tool in tools),
            {word: tuple(found) for word, found in postings.items()},
        )


def _weights(server: str, tool: Tool) -> dict[str, float]:
    total: dict[str, float] = {}
    for rule, text in (
        (NAME, tool.name),
        (SERVER, server),
        (DESCRIPTION, tool.description),
        (PARAMETERS, " ".join(tool.parameters)),
    ):
        counts = Counter(words(text))
        length = counts.total() / rule.typical
        factor = rule.weight / (1.0 - rule.damping + rule.damping * length)
        for word, count in counts.items():
            total[word] = total.get(word, 0.0) + factor * count
    return total


def search(
    segments: Iterable[Segment],
    query: str,
    limit: int,
    effects: Container[Effect] = frozenset(Effect),
) -> list[Hit]:
    """The best tools for a query, best first; ties are in order of server, then tool.

    Tools that share no word with the query, not even a related one, or have none of the effects,
    are left out.
    """
    segments = tuple(segments)
    size = sum(len(segment.tools) for segment in segments)
    common = max(COMMON, size // 20)

    def counted(word: str) -> int:
        return sum(len(segment.postings.get(word, ())) for segment in segments)

    def rarity(count: int) -> float:
        return math.log1p((size - count + 0.5) / (count + 0.5))

    asked = {word: rarity(counted(word)) for word in words(query)}
    nearly = {
        word: {
            other: RELATED * rarity(count)
            for other in related(word)
            if (count := counted(other)) <= common
        }
        for word in asked
    }
    hits: list[tuple[float, str, str]] = []
    for segment in segments:
        scores: dict[int, float] = {}
        postings = segment.postings
        for word, factor in asked.items():
            for index, weight in _of_related(postings, word, nearly[word]):
                scores[index] = scores.get(index, 0.0) + weight
            for index, weight in postings.get(word, ()):
                scores[index] = scores.get(index, 0.0) + factor * weight
        server, tools, does = segment.server, segment.tools, segment.effects
        hits += [
            (-score, server, tools[index])
            for index, score in scores.items()
            if does[index] in effects
        ]
    return [Hit(server, tool, -score) for score, server, tool in heapq.nsmallest(limit, hits)]


def _of_related(
    postings: Mapping[str, tuple[Posting, ...]], word: str, factors: Mapping[str, float]
) -> Iterable[Posting]:
    """The best of the related words for each tool that does not have the word itself."""
    best: dict[int, float] = {}
    for other, factor in factors.items():
        for index, weight in postings.get(other, ()):
            best[index] = max(best.get(index, 0.0), factor * weight)
    if best:
        for index, _ in postings.get(word, ()):
            best.pop(index, None)
    return best.items()

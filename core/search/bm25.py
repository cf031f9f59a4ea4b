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
from itertools import chain
from operator import itemgetter

from core.model.tools import Tool
from core.protocol.annotations import Effect, effect_of
from core.search.thesaurus import RELATED, related
from core.search.words import words

SATURATION = 1.2  # BM25's k1
ROUNDING = 1e-9  # more than the order of adding changes a score
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
Postings = Mapping[str, tuple[Posting, ...]]


@dataclass(frozen=True, slots=True)
class Segment:
    """What search knows of one server's tools."""

    server: str
    tools: tuple[str, ...]
    effects: tuple[Effect, ...] = field(repr=False)
    postings: Postings = field(repr=False)  # of each word the heaviest first

    @classmethod
    def build(cls, server: str, tools: Sequence[Tool]) -> Segment:
        """Index the tools; takes a fraction of a millisecond for each."""
        postings: dict[str, list[Posting]] = {}
        for index, tool in enumerate(tools):
            shared: dict[float, Posting] = {}  # most words weigh the same in a tool
            for word, weight in _weights(server, tool).items():
                posting = shared.setdefault(weight, (index, weight / (SATURATION + weight)))
                postings.setdefault(word, []).append(posting)
            time.sleep(0)  # lets the thread that serves go first; it need not wait for a segment
        return cls(
            server,
            tuple(tool.name for tool in tools),
            tuple(effect_of(tool.raw) for tool in tools),
            {
                word: tuple(sorted(found, key=itemgetter(1), reverse=True))
                for word, found in postings.items()
            },
        )

    def weight(self, word: str, index: int) -> float:
        """Of a word in a tool; 0 where it does not occur."""
        for each, weight in self.postings.get(word, ()):
            if each == index:
                return weight
        return 0.0


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
    terms = _terms(segments, query)
    hits: list[tuple[float, str, str]] = []
    for segment, promising in zip(
        segments, _promising(segments, terms, limit, effects), strict=True
    ):
        for index in promising:
            score = 0.0
            for term in terms:
                score += term.weight(segment, index)
            hits.append((-score, segment.server, segment.tools[index]))
    return [Hit(server, tool, -score) for score, server, tool in heapq.nsmallest(limit, hits)]


@dataclass(frozen=True, slots=True)
class _Term:
    """A word that is asked for, and what each occurrence of it or of a related one counts.

    ``most`` is what it can add to the score of any one tool.
    """

    word: str
    factor: float
    near: Mapping[str, float]
    most: float

    def add(self, scores: dict[int, float], postings: Postings) -> None:
        """To the scores of all tools of a segment: its own word's, or else the best related."""
        own = postings.get(self.word, ())
        for index, weight in self._of_related(postings, own):
            scores[index] = scores.get(index, 0.0) + weight
        factor = self.factor
        for index, weight in own:
            scores[index] = scores.get(index, 0.0) + factor * weight

    def _of_related(self, postings: Postings, own: Iterable[Posting]) -> Iterable[Posting]:
        best: dict[int, float] = {}
        for other, factor in self.near.items():
            for index, weight in postings.get(other, ()):
                best[index] = max(best.get(index, 0.0), factor * weight)
        if best:
            for index, _ in own:
                best.pop(index, None)
        return best.items()

    def weight(self, segment: Segment, index: int) -> float:
        """What it adds to the score of one tool."""
        weight = segment.weight(self.word, index)
        if weight:
            return self.factor * weight
        return max(
            (factor * segment.weight(other, index) for other, factor in self.near.items()),
            default=0.0,
        )


def _terms(segments: Sequence[Segment], query: str) -> list[_Term]:
    size = sum(len(segment.tools) for segment in segments)
    common = max(COMMON, size // 20)

    def known(word: str) -> tuple[int, float]:
        """How many tools have it, and the most it weighs in one of them."""
        found = [segment.postings[word] for segment in segments if word in segment.postings]
        return sum(map(len, found)), max((postings[0][1] for postings in found), default=0.0)

    def rarity(count: int) -> float:
        return math.log1p((size - count + 0.5) / (count + 0.5))

    terms = []
    for word in dict.fromkeys(words(query)):
        count, heaviest = known(word)
        factor, near = rarity(count), {}
        most = factor * heaviest
        for other in related(word):
            count, heaviest = known(other)
            if count <= common:
                near[other] = RELATED * rarity(count)
                most = max(most, near[other] * heaviest)
        terms.append(_Term(word, factor, near, most))
    return terms


def _promising(
    segments: Sequence[Segment], terms: Sequence[_Term], limit: int, effects: Container[Effect]
) -> list[list[int]]:
    """Of each segment the tools that may be among the best ``limit``; all others are not.

    The words that can add most come first. Once those that are left cannot lift a tool that has
    none of the others above the worst of the best, nobody needs to look where they occur
    (MaxScore: Turtle and Flood 1995). They are the commonest words, with the most occurrences.
    """
    partial: list[dict[int, float]] = [{} for _ in segments]
    allowed = [_allowed(segment, effects) for segment in segments]
    worst, done, left = 0.0, 0.0, sum(term.most for term in terms)
    for term in sorted(terms, key=lambda term: -term.most):
        for scores, segment in zip(partial, segments, strict=True):
            term.add(scores, segment.postings)
        done += term.most
        left -= term.most
        if left < done:
            worst = _nth(limit, partial, allowed)
            if left < worst - ROUNDING:
                break
    enough = worst - left - ROUNDING
    return [
        [
            index
            for index, score in scores.items()
            if score >= enough and (may is None or index in may)
        ]
        for scores, may in zip(partial, allowed, strict=True)
    ]


def _allowed(segment: Segment, effects: Container[Effect]) -> frozenset[int] | None:
    """The tools that have one of the effects; None for all."""
    if all(effect in effects for effect in Effect):
        return None
    return frozenset(index for index, does in enumerate(segment.effects) if does in effects)


def _nth(
    limit: int, partial: Sequence[Mapping[int, float]], allowed: Sequence[frozenset[int] | None]
) -> float:
    """The ``limit``-th best of the scores so far; 0 when there are not so many."""
    best = heapq.nlargest(
        limit,
        chain.from_iterable(
            scores.values() if may is None else [scores[index] for index in may & scores.keys()]
            for scores, may in zip(partial, allowed, strict=True)
        ),
    )
    return best[-1] if len(best) == limit > 0 else 0.0

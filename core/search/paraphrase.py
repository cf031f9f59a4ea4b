"""Ranking by words and by meaning together, where there is a model for the latter."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from core.model.tools import Tool
from core.protocol.annotations import Effect, effect_of
from core.search.bm25 import Hit
from core.search.meaning import Meaning, MeaningUnavailable, Vectors

MEANING = 2.0  # what full nearness counts, where the best match of words counts 1
NEAR_ENOUGH = 0.15  # nearness from which on a tool is found without a word in common
LONGEST_TEXT = 1_000  # characters of a description that are looked at

log = logging.getLogger(__name__)

Tools = Mapping[str, Sequence[Tool]]

_SEPARATORS = re.compile(r"[_\W]+|(?<=[a-z])(?=[A-Z])")


class Paraphrases:
    """Knows the meaning of tools once ``prepare`` had the time; until then words alone count."""

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self._known: Mapping[str, tuple[Sequence[Tool], Vectors]] = {}  # replaced, never changed
        self._expected: Tools = {}
        self._works = True
        # Of its own: minutes of work for thousands of tools, which nobody else waits behind.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="meaning")

    def prepare(self, tools: Tools) -> None:
        """Learn what these tools are about, in a thread; returns at once."""
        if self._works:
            self._expected = tools
            self._thread.submit(self._learn, tools)

    def close(self) -> None:
        """Learn no more; what is being learnt ends within one text."""
        self._works = False
        self._expected = {}
        self._thread.shutdown(wait=False, cancel_futures=True)

    def known(self, tools: Tools) -> Mapping[str, Vectors] | None:
        """What is known of each server's tools; None unless that is all of them."""
        known = self._known
        vectors = {}
        for server, listed in tools.items():
            if server not in known or known[server][0] is not listed:
                return None
            vectors[server] = known[server][1]
        return vectors

    def best(
        self,
        tools: Tools,
        known: Mapping[str, Vectors],
        query: str,
        by_words: Sequence[Hit],
        limit: int,
        effects: Container[Effect],
    ) -> list[Hit]:
        """The best of tools by what is known of them and by what their words say.

        Takes milliseconds.
        """
        most = max((hit.score for hit in by_words), default=1.0)
        words = {(hit.server, hit.tool): hit.score / most for hit in by_words}
        asked = self._meaning.vectors([query])
        hits = []
        for server, listed in tools.items():
            near = self._meaning.nearness(known[server], asked)
            for tool, nearness in zip(listed, near, strict=True):
                matched = words.get((server, tool.name), 0.0)
                if (matched or nearness >= NEAR_ENOUGH) and effect_of(tool.raw) in effects:
                    hits.append(Hit(server, tool.name, matched + MEANING * nearness))
        hits.sort(key=lambda hit: (-hit.score, hit.server, hit.tool))
        return hits[:limit]

    def _learn(self, tools: Tools) -> None:
        for server, listed in tools.items():
            known = self._known.get(server)
            if known is not None and known[0] is listed:
                continue
            texts = [_text(server, tool) for tool in listed]
            vectors = []
            for text in texts:
                if self._expected is not tools:
                    return  # something else is expected by now
                try:
                    vectors.append(self._meaning.vectors([text]))
                except MeaningUnavailable as why:
                    self._works = False
                    log.warning("search goes by words alone", extra={"fields": {"why": str(why)}})
                    return
            self._known = {**self._known, server: (listed, self._meaning.joined(vectors))}
        self._known = {server: self._known[server] for server in tools}


def _text(server: str, tool: Tool) -> str:
    name = " ".join(_SEPARATORS.split(f"{server} {tool.name}"))
    return f"{name}. {tool.description[:LONGEST_TEXT]}"

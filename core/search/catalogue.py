"""The tools that can be found now: one segment per server, rebuilt when its tools change."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from core.model.tools import Tool
from core.protocol.annotations import Effect

if TYPE_CHECKING:
    from core.search.bm25 import Hit, Segment
    from core.search.meaning import Meaning
    from core.search.paraphrase import Paraphrases

CANDIDATES = 200  # hits of words that are then ranked by meaning too

Tools = Mapping[str, Sequence[Tool]]


class Catalogue:
    """Search over the tools it is given, remembering the segments built for them.

    The tools come with the query instead of by subscription, so that an answer never names a
    tool that its asker could not call at that moment. ``prepare`` only saves time, except where
    there is a model for ``meaning``: that ranks what was prepared.
    """

    def __init__(self, meaning: Meaning | None = None) -> None:
        self.paraphrases: Paraphrases | None = None
        if meaning is not None:
            from core.search.paraphrase import Paraphrases  # for those who have such a model

            self.paraphrases = Paraphrases(meaning)
        # Several threads may build at once: at worst they build the same segment, and any of
        # them is right. The mapping is replaced in one step and never changed.
        self._built: Mapping[str, tuple[Sequence[Tool], Segment]] = {}
        self._expected: Tools = {}
        self._preparing = False

    @property
    def documents(self) -> int:
        return sum(len(listed) for listed, _ in self._built.values())

    def prepare(self, tools: Tools) -> None:
        """Build in a thread what a search over any of these tools would need."""
        self._expected = tools
        if self.paraphrases is not None:
            self.paraphrases.prepare(tools)
        if not self._preparing and not self._is_prepared():
            self._preparing = True
            built = asyncio.get_running_loop().run_in_executor(None, self._build_expected)
            built.add_done_callback(self._prepared)

    def close(self) -> None:
        """Learn no more."""
        self._expected = {}
        if self.paraphrases is not None:
            self.paraphrases.close()

    async def search(
        self,
        tools: Tools,
        query: str,
        limit: int,
        effects: Container[Effect] = frozenset(Effect),
    ) -> list[Hit]:
        """The best of ``tools``, which are by server; see ``bm25.search``. Works in a thread."""
        return await asyncio.to_thread(self._search, tools, query, limit, effects)

    def _search(
        self, tools: Tools, query: str, limit: int, effects: Container[Effect]
    ) -> list[Hit]:
        from core.search.bm25 import search

        segments = [self._segment(server, listed) for server, listed in tools.items()]
        known = self.paraphrases.known(tools) if self.paraphrases is not None else None
        if self.paraphrases is None or known is None:
            return search(segments, query, limit, effects)
        by_words = search(segments, query, max(limit, CANDIDATES), effects)
        return self.paraphrases.best(tools, known, query, by_words, limit, effects)

    def _segment(self, server: str, listed: Sequence[Tool]) -> Segment:
        known = self._built.get(server)
        if known is not None and known[0] is listed:  # tools are shared by reference
            return known[1]
        from core.search.bm25 import Segment  # in a thread, and not before there is a tool

        segment = Segment.build(server, listed)
        self._built = {**self._built, server: (listed, segment)}
        return segment

    # --- beforehand ---------------------------------------------------------------------------

    def _is_prepared(self) -> bool:
        built, expected = self._built, self._expected
        return built.keys() == expected.keys() and all(
            built[server][0] is listed for server, listed in expected.items()
        )

    def _build_expected(self) -> None:
        expected = self._expected
        for server, listed in expected.items():
            if self._expected is not expected:
                return  # something else is expected by now
            self._segment(server, listed)
        built = self._built
        self._built = {server: built[server] for server in expected if server in built}

    def _prepared(self, done: asyncio.Future[None]) -> None:
        self._preparing = False
        if not done.cancelled() and done.exception() is None and not self._is_prepared():
            self.prepare(self._expected)

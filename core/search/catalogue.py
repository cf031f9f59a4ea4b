"""The tools that can be found now: one segment per server, rebuilt when its tools change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from core.model.tools import Tool
from core.search.bm25 import Hit, Segment, search

Tools = Mapping[str, Sequence[Tool]]


class Catalogue:
    """Search over the tools it is given, remembering the segments built for them.

    The tools come with the query instead of by subscription, so that an answer never names a
    tool that its asker could not call at that moment.
    """

    def __init__(self) -> None:
        self._built: Mapping[str, tuple[Sequence[Tool], Segment]] = {}

    async def search(self, tools: Tools, query: str, limit: int) -> list[Hit]:
        """The best of ``tools``, which are by server; see ``bm25.search``. Works in a thread."""
        return await asyncio.to_thread(self._search, tools, query, limit)

    def _search(self, tools: Tools, query: str, limit: int) -> list[Hit]:
        # Two searches may do this at once: at worst both build the same segment, and either
        # result is right. The mapping is replaced in one step and never changed.
        built = self._built
        self._built = built = {
            server: self._segment(built, server, listed) for server, listed in tools.items()
        }
        return search((segment for _, segment in built.values()), query, limit)

    @staticmethod
    def _segment(
        built: Mapping[str, tuple[Sequence[Tool], Segment]], server: str, listed: Sequence[Tool]
    ) -> tuple[Sequence[Tool], Segment]:
        known = built.get(server)
        if known is not None and known[0] is listed:  # tools are shared by reference
            return known
        return listed, Segment.build(server, listed)

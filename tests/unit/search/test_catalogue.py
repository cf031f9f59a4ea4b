"""The catalogue: always about the tools it was given, and no more work than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from core.model.tools import Tool
from core.protocol.annotations import Effect
from core.search.catalogue import Catalogue


class Watched(Sequence[Tool]):
    """A list of tools that counts how often somebody goes through it."""

    def __init__(self, *names: str) -> None:
        self._tools = [Tool(name, b"{}") for name in names]
        self.walks = 0

    def __getitem__(self, index: int) -> Tool:
        return self._tools[index]

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[Tool]:
        self.walks += 1
        return iter(self._tools)


async def found(catalogue: Catalogue, tools: dict[str, Watched], query: str) -> list[str]:
    hits = await catalogue.search(tools, query, 10)
    return [f"{hit.server}:{hit.tool}" for hit in hits]


async def test_follows_the_tools_given() -> None:
    """New, changed and removed servers count from the very next search."""
    catalogue = Catalogue()
    files, issues = Watched("read_file", "write_file"), Watched("create_issue")
    assert await found(catalogue, {}, "file") == []
    assert await found(catalogue, {"f": files}, "issue") == []
    assert await found(catalogue, {"f": files, "i": issues}, "issue") == ["i:create_issue"]
    changed = Watched("read_file_and_issue")
    assert await found(catalogue, {"f": changed, "i": issues}, "issue") == [
        "i:create_issue",
        "f:read_file_and_issue",
    ]
    assert await found(catalogue, {"i": issues}, "file") == []
    assert await found(catalogue, {"f": files}, "write") == ["f:write_file"]


async def test_indexes_only_what_changed() -> None:
    """A server's tools are read again only when they are others than before."""
    catalogue = Catalogue()
    files, issues = Watched("read_file"), Watched("create_issue")
    await found(catalogue, {"f": files}, "file")
    once = files.walks
    for _ in range(3):
        await found(catalogue, {"f": files, "i": issues}, "file")
    assert files.walks == once
    assert issues.walks == once


async def test_what_is_expected_is_built_before_somebody_asks() -> None:
    """Prepared tools are not gone through again by a search; what is gone is forgotten."""
    catalogue = Catalogue()
    files, issues = Watched("read_file"), Watched("create_issue")
    catalogue.prepare({"f": files, "i": issues})
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    async with asyncio.timeout(30):
        while catalogue.documents < 2:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    once = files.walks
    assert once > 0
    assert await found(catalogue, {"f": files, "i": issues}, "file") == ["f:read_file"]
    assert files.walks == once
    catalogue.prepare({"f": files})
    async with asyncio.timeout(30):
        while catalogue.documents > 1:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    assert await found(catalogue, {"f": files}, "file") == ["f:read_file"]
    assert files.walks == once


async def test_only_tools_of_the_effects_asked_for_are_found() -> None:
    """A tool counts by what it says of itself, and as destructive when it says nothing."""
    annotations = {
        "reads": b'{"readOnlyHint":true}',
        "writes": b'{"destructiveHint":false}',
        "destroys": b'{"destructiveHint":true}',
        "silent": b"null",
    }
    tools = {
        "s": [
            Tool(f"file_{name}", b'{"name":"x","annotations":%b}' % said)
            for name, said in annotations.items()
        ]
    }

    async def of(*effects: Effect) -> set[str]:
        return {hit.tool for hit in await Catalogue().search(tools, "file", 9, effects)}

    assert await of(Effect.READ) == {"file_reads"}
    assert await of(Effect.WRITE) == {"file_writes"}
    assert await of(Effect.DESTRUCTIVE) == {"file_destroys", "file_silent"}
    assert len(await of(*Effect)) == 4

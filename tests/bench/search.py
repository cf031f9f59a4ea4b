"""Finding tools among ten thousand."""

from __future__ import annotations

import asyncio
import random
import time
from itertools import accumulate

from core.model.tools import Tool
from core.search.catalogue import Catalogue
from tests.bench import retrieval
from tests.bench.result import Row, Samples, Scale

SERVERS = 100
TOOLS_EACH = 100
WORDS_IN_ALL = 4_000
QUERIES = 20

# Words as rare as in real text: the n-th is n times as rare as the first (Zipf).
_ALL_WORDS = [f"w{number}" for number in range(WORDS_IN_ALL)]
_UP_TO = list(accumulate(1 / number for number in range(1, WORDS_IN_ALL + 1)))


async def measure(scale: Scale) -> list[Row]:
    lots = random.Random(1)
    tools = tools_of(lots, SERVERS, TOOLS_EACH)
    queries = queries_of(lots, QUERIES)
    building, first = await _beginning(tools, queries[0])
    catalogue = Catalogue()
    await catalogue.search(tools, queries[0], 5)
    samples = Samples()
    for _ in range(scale.rounds):
        for query in queries:
            began = time.process_time()
            await catalogue.search(tools, query, 5)
            samples.add("search", time.process_time() - began)
            began = time.process_time()
            _scan(tools, query)
            samples.add("scan", time.process_time() - began)
    count = SERVERS * TOOLS_EACH
    return [
        Row(
            name=f"search of {count} tools, 4 words",
            value=samples["search"] * 1e3,
            unit="ms",
            floor_name="looking for the words in every text",
            floor=samples["scan"] * 1e3,
        ),
        Row(
            name=f"first search of {count} tools, prepared beforehand",
            value=first * 1e3,
            unit="ms",
        ),
        Row(
            name="preparing, which nobody waits for, per tool",
            value=building / count * 1e6,
            unit="us",
        ),
        *await retrieval.measure(scale),
    ]


def tools_of(lots: random.Random, servers: int, each: int) -> dict[str, tuple[Tool, ...]]:
    """Made-up tools by server, with descriptions as long as those of real ones."""
    return {
        f"server{server}": tuple(
            Tool(
                name="_".join(_words(lots, 3)) + f"_{number}",
                raw=b"{}",
                description=" ".join(_words(lots, 25)),
                parameters=tuple(_words(lots, 4)),
            )
            for number in range(each)
        )
        for server in range(servers)
    }


def queries_of(lots: random.Random, number: int) -> list[str]:
    """Queries of four words."""
    return [" ".join(_words(lots, 4)) for _ in range(number)]


def _words(lots: random.Random, number: int) -> list[str]:
    return lots.choices(_ALL_WORDS, cum_weights=_UP_TO, k=number)


async def _beginning(tools: dict[str, tuple[Tool, ...]], query: str) -> tuple[float, float]:
    """Seconds until all is prepared, and those of the first search after that."""
    catalogue = Catalogue()
    began = time.perf_counter()
    catalogue.prepare(tools)
    while catalogue.documents < SERVERS * TOOLS_EACH:
        await asyncio.to_thread(time.sleep, 0.01)
    prepared = time.perf_counter()
    await catalogue.search(tools, query, 5)
    return prepared - began, time.perf_counter() - prepared


def _scan(tools: dict[str, tuple[Tool, ...]], query: str) -> list[Tool]:
    asked = query.split()
    return [
        tool
        for listed in tools.values()
        for tool in listed
        if any(word in tool.description for word in asked)
    ]

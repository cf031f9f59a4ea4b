"""How well search finds what is meant, on graded queries from elsewhere.

The directory that ``MCPPROXY_BENCH_DATA`` names holds ``retrieval_corpus.json`` (``tools``, each
with ``tool_id``, ``description`` and ``schema``), ``retrieval_queries.json`` (``queries``, each
with ``query`` and ``labels`` of ``tool_id`` and ``relevance`` 0, 1 or 2), and perhaps
``*_tools.json`` (``tools`` of ``server``, ``tool``, ``description`` and ``inputSchema``), whose
speed is measured. When ``MCPPROXY_BENCH_MODEL`` names the directory of a sentence model, all of it
is measured with that model too.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from core.model.tools import Tool
from core.search.catalogue import Catalogue
from core.search.meaning import Meaning, SentenceModel
from tests.bench.result import Row, Samples, Scale

VARIABLE = "MCPPROXY_BENCH_DATA"
MODEL = "MCPPROXY_BENCH_MODEL"
RESAMPLES = 2_000
DEPTH = 10  # hits that are looked at

Tools = Mapping[str, Sequence[Tool]]


@dataclass(frozen=True, slots=True)
class Query:
    """``relevance`` by tool id: 1 would do, 2 is meant."""

    text: str
    relevance: Mapping[str, int]


Measure = Callable[[Sequence[str], Mapping[str, int]], float]


def recall(depth: int) -> Measure:
    """The share of what is relevant among the first hits."""
    return lambda found, relevance: len(relevance.keys() & {*found[:depth]}) / len(relevance)


def reciprocal_rank(found: Sequence[str], relevance: Mapping[str, int]) -> float:
    """1 for a relevant first hit, 1/2 for a second one …"""
    return next((1 / rank for rank, hit in enumerate(found, 1) if hit in relevance), 0.0)


def gain(found: Sequence[str], relevance: Mapping[str, int]) -> float:
    """nDCG with linear gain."""

    def summed(grades: Sequence[int]) -> float:
        return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))

    best = sorted(relevance.values(), reverse=True)[:DEPTH]
    return summed([relevance.get(hit, 0) for hit in found[:DEPTH]]) / summed(best)


MEASURES: Mapping[str, Measure] = {
    **{f"recall@{depth}": recall(depth) for depth in (1, 3, 5, 10)},
    "MRR": reciprocal_rank,
    "nDCG@10": gain,
}


async def measure(scale: Scale) -> list[Row]:
    """Nothing where the environment names no data."""
    if VARIABLE not in os.environ:
        return []
    directory = Path(os.environ[VARIABLE])
    tools = _by_id(_read(directory / "retrieval_corpus.json")["tools"])
    queries = _queries(_read(directory / "retrieval_queries.json")["queries"])
    models = [None, *([SentenceModel(Path(os.environ[MODEL]))] if MODEL in os.environ else [])]
    rows = []
    for model in models:
        how = " by words" if model is None else " by meaning too"
        rows += await _quality(how, tools, queries, model)
        for file in sorted(directory.glob("*_tools.json")):
            rows += await _speed(how, _by_server(_read(file)["tools"]), scale, model)
    return rows


async def _catalogue(tools: Tools, model: Meaning | None) -> Catalogue:
    """A catalogue that knows the tools already."""
    catalogue = Catalogue(model)
    catalogue.prepare(tools)
    paraphrases = catalogue.paraphrases
    while paraphrases is not None and paraphrases.known(tools) is None:
        await asyncio.to_thread(time.sleep, 0.01)
    return catalogue


async def _quality(
    how: str, tools: Tools, queries: Sequence[Query], model: Meaning | None
) -> list[Row]:
    catalogue = await _catalogue(tools, model)
    hits = [await catalogue.search(tools, query.text, DEPTH) for query in queries]
    catalogue.close()
    found = [[f"{hit.server}:{hit.tool}" for hit in each] for each in hits]
    rows = []
    for name, judge in MEASURES.items():
        values = [judge(ids, query.relevance) for ids, query in zip(found, queries, strict=True)]
        low, high = interval(values)
        what = f"{name}{how}, {len(queries)} queries (95 %: {low:.3f} to {high:.3f})"
        rows.append(Row(name=what, value=fmean(values), unit="", more_is_better=True))
    return rows


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Between what the mean of 95 % of the resamples lies (bootstrap, percentiles)."""
    lots = random.Random(1)
    means = sorted(fmean(lots.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[RESAMPLES // 40], means[-RESAMPLES // 40 - 1]


async def _speed(how: str, tools: Tools, scale: Scale, model: Meaning | None) -> list[Row]:
    words = [tool.description.split()[:6] for listed in tools.values() for tool in listed]
    queries = [" ".join(some) for some in random.Random(1).sample(words, min(20, len(words)))]
    began = time.perf_counter()
    catalogue = await _catalogue(tools, model)
    await catalogue.search(tools, queries[0], 5)
    prepared = time.perf_counter() - began
    samples = Samples()
    for _ in range(scale.rounds):
        for query in queries:
            began = time.perf_counter()
            await catalogue.search(tools, query, 5)
            samples.add("search", time.perf_counter() - began)
    catalogue.close()
    count = sum(map(len, tools.values()))
    return [
        Row(
            name=f"search of {count} real tools{how}, 6 words",
            value=samples["search"] * 1e3,
            unit="ms",
        ),
        Row(name=f"preparing them{how}, per tool", value=prepared / count * 1e6, unit="us"),
    ]


def _read(file: Path) -> Any:
    return json.loads(file.read_text())


def _queries(entries: Sequence[Any]) -> list[Query]:
    return [
        Query(
            entry["query"],
            {each["tool_id"]: each["relevance"] for each in entry["labels"] if each["relevance"]},
        )
        for entry in entries
    ]


def _by_id(entries: Sequence[Any]) -> dict[str, list[Tool]]:
    tools: dict[str, list[Tool]] = {}
    for entry in entries:
        server, _, name = entry["tool_id"].partition(":")
        tools.setdefault(server, []).append(_tool(name, entry, entry.get("schema")))
    return tools


def _by_server(entries: Sequence[Any]) -> dict[str, list[Tool]]:
    tools: dict[str, list[Tool]] = {}
    for entry in entries:
        tool = _tool(entry["tool"], entry, entry.get("inputSchema"))
        tools.setdefault(entry["server"], []).append(tool)
    return tools


def _tool(name: str, entry: Any, schema: Any) -> Tool:
    parameters = tuple((schema or {}).get("properties") or ())
    return Tool(name, json.dumps(entry).encode(), entry.get("description") or "", parameters)

"""What has to hold between what is asked (dashboards, rules) and what is there (Prometheus)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.observability.server import Prometheus

Json = dict[str, Any]

LOOK_BACK = 20.0  # seconds
MACROS = {
    "$__rate_interval": "12s",
    "$__interval": "5s",
    "$job": ".+",
    "$instance": ".+",
}
NAME = re.compile(r"\b((?:[a-z]+:)?(?:mcpproxy|process|python)_\w+(?::\w+)?)")
LEGEND = re.compile(r"{{\s*(\w+)\s*}}")
SUFFIXES = ("_bucket", "_sum", "_count")

AD_HOC = {
    "process_virtual_memory_bytes": "resident memory says more; the address space is for experts",
    "process_start_time_seconds": "mcpproxy_start_time_seconds is shown",
    "python_gc_objects_collected_total": "for a hunt for leaks",
    "python_gc_objects_uncollectable_total": "for a hunt for leaks",
}
"""Families that no dashboard and no rule uses, each with the reason."""


def panels(dashboard: Json) -> Iterator[tuple[str, str, list[Json]]]:
    """Title, unit and targets of each."""
    for panel in dashboard["panels"]:
        unit = panel["fieldConfig"]["defaults"]["unit"]
        yield f"{dashboard['title']}: {panel['title']}", unit, panel["targets"]


def questions(dashboard: Json) -> Iterator[str]:
    """Every expression in it, those of variables and annotations included."""
    for _, _, targets in panels(dashboard):
        for target in targets:
            yield target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


def names_in(expressions: Iterable[str]) -> set[str]:
    return {name for expr in expressions for name in NAME.findall(expr)}


def unused(families: Iterable[str], expressions: Iterable[str]) -> list[str]:
    """Families that are exported and neither asked for anywhere nor meant for ad-hoc use."""
    asked = names_in(expressions)
    for suffix in SUFFIXES:
        asked |= {name.removesuffix(suffix) for name in asked}
    return sorted(set(families) - asked - set(AD_HOC))


async def wrong_with(dashboard: Json, prometheus: Prometheus, server: str = ".+") -> list[str]:
    """What a person would miss in it: queries without data, legends without their labels."""
    found = []
    for where, unit, targets in panels(dashboard):
        for target in targets:
            expr = target["expr"]
            for macro, value in {**MACROS, "$server": server}.items():
                expr = expr.replace(macro, value)
            series = await prometheus.range(expr, LOOK_BACK)
            found += [
                f"{where}: {what} ({expr})"
                for what in wrong_in(series, unit, LEGEND.findall(target["legendFormat"]))
            ]
    return found


def wrong_in(series: list[Json], unit: str, labels: list[str]) -> Iterator[str]:
    """What is wrong with the answer to one query."""
    values = [float(value) for each in series for _, value in each["values"]]
    finite = [value for value in values if math.isfinite(value)]
    if not series:
        yield "no data"
    elif not finite:
        yield "no number in it"
    elif min(finite) < 0:
        yield f"{min(finite)} is less than nothing"
    elif unit == "percentunit" and max(finite) > 1:
        yield f"{max(finite)} is more than all"
    for each in series:
        missing = [label for label in labels if label not in each["metric"]]
        if missing:
            yield f"{each['metric']} has no {', '.join(missing)}"

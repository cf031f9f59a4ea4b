"""What is shipped for Prometheus and Grafana: valid, fresh, and as both sides' makers ask."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.observability.checks import Json, questions
from tests.observability.families import rows
from tests.observability.pages import RULE_TESTS, RULES, SCRAPE, dashboards, files
from tests.observability.server import ABSENT, PROMTOOL
from tests.program import Home, program

BY_UID = {each["uid"]: each for each in dashboards()}
UNITS = {"short", "s", "ops", "reqps", "percentunit", "bytes", "dateTimeFromNow"}

with_promtool = pytest.mark.skipif(PROMTOOL is None, reason=ABSENT)


def promtool(*arguments: str, text: str = "") -> str:
    """What it says; it must be content."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], input=text, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@with_promtool
def test_every_alert_has_a_firing_and_a_quiet_case() -> None:
    """The rules are valid, their cases hold, and no alert is without both."""
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(RULE_TESTS))
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    cases = re.findall(r"- name: '(\w+), (firing|quiet)", RULE_TESTS.read_text())
    assert sorted(cases) == sorted((name, kind) for name in alerts for kind in ("firing", "quiet"))


@with_promtool
def test_the_scrape_config_is_valid(tmp_path: Path) -> None:
    """With the rules and the key's file beside it, as it says."""
    (tmp_path / "mcpproxy-api-key").write_text("k")
    for each in (RULES, SCRAPE):
        (tmp_path / each.name).write_text(each.read_text())
    promtool("check", "config", str(tmp_path / SCRAPE.name))


@with_promtool
async def test_the_metrics_are_as_prometheus_asks(home: Home) -> None:
    """Names, units and help of all the real program exports; docs/metrics.md has each once."""
    home.configure({})
    async with program(home) as running:
        page = (await running.http.get("/metrics")).text
    promtool("check", "metrics", text=page)
    families = re.findall(r"^# TYPE (\S+)", page, re.MULTILINE)
    explained = [row.name for row in await asyncio.to_thread(rows)]
    assert sorted(families) == sorted(explained)


def test_what_is_generated_is_fresh() -> None:
    """The files are what ``python -m tests.observability`` writes."""
    for path, text in files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: written by hand, or stale"
    written = {path for path in files() if path.suffix == ".json"}
    assert set(next(iter(written)).parent.glob("*.json")) == written


def panels(dashboard: Json) -> Iterator[Json]:
    yield from dashboard["panels"]


@pytest.mark.parametrize("uid", BY_UID)
def test_a_dashboard_keeps_the_rules_of_grafanas_linter(uid: str) -> None:
    """Templated source, job and instance; titles, words and units; rates over $__rate_interval."""
    dashboard = BY_UID[uid]
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] == 39
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("job", "instance"):
        variable = variables[name]
        assert variable["datasource"]["uid"] == "${datasource}"
        assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (
            True,
            True,
            ".+",
        )
        assert variable["refresh"] == 2  # when the time range changes
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(titles) == len(set(titles))
    assert len({panel["id"] for panel in panels(dashboard)}) == len(titles)
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            selectors = re.findall(r"\{([^{}]*)\}", target["expr"])
            assert selectors
            for selector in selectors:
                assert 'job=~"$job", instance=~"$instance"' in selector
    for expr in questions(dashboard):
        assert re.findall(r"\[(?!\$__)", expr) == [], f"{expr}: a fixed range"


@pytest.mark.parametrize("uid", BY_UID)
def test_panels_do_not_lie_on_each_other(uid: str) -> None:
    """Each place of the grid has one panel at most, and no row is wider than Grafana's."""
    taken: set[tuple[int, int]] = set()
    for panel in panels(BY_UID[uid]):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_counters_are_never_shown_bare() -> None:
    """A counter or a bucket stands inside rate or increase wherever a panel asks for it."""
    bare = re.compile(r"(?<!rate\()(?<!increase\()\bmcpproxy_\w+_(?:total|bucket|count|sum)\b")
    asked = [
        target["expr"]
        for dashboard in BY_UID.values()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]
    assert [expr for expr in asked if bare.search(expr)] == []

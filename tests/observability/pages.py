"""The files that are generated: dashboards, and the page that explains metrics, panels, alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.observability.dashboards import DASHBOARDS
from tests.observability.families import rows

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "assets" / "prometheus"
RULES = PROMETHEUS / "mcpproxy.rules.yml"
RULE_TESTS = PROMETHEUS / "mcpproxy.rules.test.yml"
SCRAPE = PROMETHEUS / "prometheus.yml"
GRAFANA = ROOT / "assets" / "grafana"
PAGE = ROOT / "docs" / "metrics.md"

INTRODUCTION = """\
# Metrics, dashboards and alerts

Written by `python -m tests.observability`; a test compares. Each line says what it means and what
to do.

## In five minutes

1. Let Prometheus read `/metrics`. [prometheus.yml](../assets/prometheus/prometheus.yml) has both
   ways: a port of its own, for this machine only and without a key, which the config file
   switches on with `"observability": {"metrics": {"listen": "127.0.0.1:9464"}}` (from the next
   start); or the port that AI clients use, with the `api_key`.
   `"observability": {"metrics": {"enabled": false}}` switches both off at once.
2. Put [mcpproxy.rules.yml](../assets/prometheus/mcpproxy.rules.yml) beside it, as it says.
3. Copy `assets/grafana/provisioning` into Grafana's `provisioning` directory and
   `assets/grafana/dashboards` to `/etc/grafana/mcpproxy`; restart Grafana. Without access to its
   files: Dashboards, New, Import, once for each file.

Asked by a scraper that understands OpenMetrics, `tool_call_duration_seconds` carries exemplars:
the `trace_id` of calls whose client sent a W3C `traceparent` in `_meta`. Prometheus keeps them
with `--enable-feature=exemplar-storage`. Nothing is measured for the metrics' sake while nobody
scrapes; the series of a removed server disappear.
"""


def files() -> dict[Path, str]:
    """What is generated, by where it belongs."""
    folder = GRAFANA / "dashboards"
    written = {
        folder / f"{each.uid}.json": json.dumps(each.json, indent=2) + "\n" for each in DASHBOARDS
    }
    return {**written, PAGE: "\n".join(_page()) + "\n"}


def dashboards() -> list[Json]:
    """The shipped files, as Grafana would read them."""
    found = sorted((GRAFANA / "dashboards").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]


def alerts() -> list[Json]:
    """Every alert, as it stands in the rules."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _page() -> Iterator[str]:
    yield INTRODUCTION
    yield "## Alerts\n"
    yield "| Alert | Severity | What it means | What to do |\n|---|---|---|---|"
    for alert in alerts():
        said = alert["annotations"]
        meaning = said["summary"]
        for label in ("server",):
            meaning = meaning.replace(f"{{{{ $labels.{label} }}}}", label.upper())
        meaning = meaning.replace("{{ $value | humanizePercentage }}", "Over 5 %")
        meaning = meaning.replace("{{ $value | humanizeDuration }}", "over 10 s")
        meaning = meaning.replace("{{ $value | humanize }}", "too many")
        todo = said["description"].replace("{{ $labels.server }}", "SERVER")
        yield f"| `{alert['alert']}` | {alert['labels']['severity']} | {meaning} | {todo} |"
    for dashboard in DASHBOARDS:
        yield f"\n## Dashboard “{dashboard.title}”\n\n{dashboard.text}\n"
        yield "| Panel | What it shows and what to do |\n|---|---|"
        for panel in dashboard.panels:
            yield f"| {panel.title} | {panel.text} |"
    yield "\n## Metrics\n"
    yield "| Metric | Type | Labels | What it means | What to do |\n|---|---|---|---|---|"
    for row in rows():
        labels = ", ".join(f"`{label}`" for label in row.labels)
        yield f"| `{row.name}` | {row.kind} | {labels} | {row.text} | {row.advice} |"

"""Where the dashboards are written to, and the page that explains every metric, panel and alert."""

from __future__ import annotations

import json
from pathlib import Path

from tests.observability.dashboards import DASHBOARDS

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "assets" / "prometheus"
RULES = PROMETHEUS / "mcpproxy.rules.yml"
RULE_TESTS = PROMETHEUS / "mcpproxy.rules.test.yml"
SCRAPE = PROMETHEUS / "prometheus.yml"
GRAFANA = ROOT / "assets" / "grafana"
PAGE = ROOT / "docs" / "metrics.md"


def files() -> dict[Path, str]:
    """What is generated, by where it belongs."""
    folder = GRAFANA / "dashboards"
    return {
        folder / f"{each.uid}.json": json.dumps(each.json, indent=2) + "\n" for each in DASHBOARDS
    }


def dashboards() -> list[dict[str, object]]:
    """The shipped files, as Grafana would read them."""
    found = sorted((GRAFANA / "dashboards").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]

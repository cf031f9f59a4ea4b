"""What a Grafana dashboard is made of, as values that become its JSON (schema version 39)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

HOME = 'job=~"$job", instance=~"$instance"'
SERVER = f'{HOME}, server=~"$server"'
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; each ``{{label}}`` of ``legend`` is one that every series has."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``text`` says what it shows and what to do about it."""

    title: str
    text: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    stacked: bool = False
    exemplars: bool = False  # shows traces as dots
    truth: bool = False  # 1 is as it should be, 0 is not
    names: bool = False  # shows the legend instead of the value

    def json(self, number: int, x: int, y: int) -> Json:
        heat = self.kind == "heatmap"
        targets = [
            {
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "refId": chr(ord("A") + index),
                "format": "heatmap" if heat else "time_series",
                **({"instant": True} if self.kind == "table" else {"range": True}),
                **({"format": "table"} if self.kind == "table" else {}),
                **({"exemplar": True} if self.exemplars else {}),
            }
            for index, query in enumerate(self.queries)
        ]
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": SOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self._options(),
            "targets": targets,
            **({"transformations": [_ONLY_LABELS]} if self.kind == "table" else {}),
        }

    def _defaults(self) -> Json:
        if self.truth:
            return {"unit": self.unit, "mappings": [_TRUTH], "thresholds": _WELL_ABOVE_0}
        if self.kind != "timeseries":
            return {"unit": self.unit}
        custom = {
            "drawStyle": "line",
            "fillOpacity": 25 if self.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if self.stacked else "none"},
        }
        least = {"min": 0}
        return {"unit": self.unit, "custom": custom, **least}

    def _options(self) -> Json:
        match self.kind:
            case "timeseries":
                return {
                    "legend": {"displayMode": "list", "placement": "bottom"},
                    "tooltip": {"mode": "multi", "sort": "desc"},
                }
            case "heatmap":
                return {
                    "calculate": False,
                    "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
                    "yAxis": {"unit": self.unit},
                    "tooltip": {"mode": "single"},
                }
            case "stat":
                return {
                    "reduceOptions": {"calcs": ["lastNotNull"]},
                    "textMode": "name" if self.names else "auto",
                    "colorMode": "value",
                }
            case _:
                return {"showHeader": True}


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file; ``uid`` never changes, so that links and starred dashboards stay."""

    uid: str
    title: str
    text: str
    panels: tuple[Panel, ...]
    by_server: bool = True

    @property
    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.text,
            "tags": ["mcpproxy-tray"],
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "schemaVersion": 39,
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "links": [
                {
                    "type": "dashboards",
                    "title": "MCP Proxy Tray",
                    "tags": ["mcpproxy-tray"],
                    "asDropdown": True,
                    "includeVars": True,
                    "keepTime": True,
                }
            ],
            "annotations": {"list": [_RESTARTS]},
            "templating": {"list": self._variables()},
            "panels": self._laid_out(),
        }

    def _variables(self) -> list[Json]:
        source = {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "hide": 0,
        }
        found = [
            source,
            _variable("job", "Job", "label_values(mcpproxy_build_info, job)"),
            _variable(
                "instance", "Instance", 'label_values(mcpproxy_build_info{job=~"$job"}, instance)'
            ),
        ]
        if self.by_server:
            query = f"label_values(mcpproxy_server_state{{{HOME}}}, server)"
            found.append(_variable("server", "Server", query))
        return found

    def _laid_out(self) -> list[Json]:
        """Left to right, then the next row, as tall as its tallest."""
        shown = []
        x = y = tallest = 0
        for number, panel in enumerate(self.panels, start=1):
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            shown.append(panel.json(number, x, y))
            x += panel.width
            tallest = max(tallest, panel.height)
        return shown


_ONLY_LABELS: Json = {
    "id": "organize",
    "options": {"excludeByName": {"Time": True, "Value": True}},
}

_TRUTH: Json = {
    "type": "value",
    "options": {"0": {"text": "no", "index": 1}, "1": {"text": "yes", "index": 0}},
}

_WELL_ABOVE_0: Json = {
    "mode": "absolute",
    "steps": [{"color": "red", "value": None}, {"color": "green", "value": 1}],
}

_RESTARTS: Json = {
    "name": "Program started",
    "datasource": SOURCE,
    "enable": True,
    "expr": f"changes(mcpproxy_start_time_seconds{{{HOME}}}[$__interval]) > 0",
    "iconColor": "blue",
    "step": "30s",
    "titleFormat": "MCP Proxy Tray started",
    "textFormat": "{{instance}}",
}


def _variable(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    }

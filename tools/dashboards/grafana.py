"""Builds Grafana's dashboard JSON: panels flow from left to right; each has a unit and a description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Annotation", "Dashboard", "Panel", "Row", "Stat", "TimeSeries"]

DATASOURCE = {"type": "prometheus", "uid": "alphaforge-prometheus"}
COLUMNS = 24

# Thresholds: the value from which the panel has that colour.
Thresholds = Mapping[float, str]


@dataclass(frozen=True)
class Panel:
    """The common part of panels. `queries` are (legend, PromQL); `description` explains the panel."""

    title: str
    description: str
    queries: Sequence[tuple[str, str]]
    unit: str
    width: int = 8
    height: int = 8
    minimum: float | None = 0
    maximum: float | None = None
    thresholds: Thresholds = field(default_factory=dict)
    decimals: int | None = None

    kind = "timeseries"
    is_instant = False

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Returns the panel's JSON, with its number on the dashboard and its position on the grid."""
        defaults = {
            "unit": self.unit,
            "min": self.minimum,
            "max": self.maximum,
            "decimals": self.decimals,
            "color": {"mode": "palette-classic"},
            **self._defaults(),
        }
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "fieldConfig": {
                "defaults": {name: value for name, value in defaults.items() if value is not None},
                "overrides": [],
            },
            "options": self._options(),
            "targets": [
                {
                    "refId": chr(ord("A") + index),
                    "expr": expr,
                    "legendFormat": legend,
                    "datasource": DATASOURCE,
                    "instant": self.is_instant,
                    "range": not self.is_instant,
                }
                for index, (legend, expr) in enumerate(self.queries)
            ],
        }

    def _steps(self) -> dict[str, Any]:
        steps = [{"color": color, "value": value} for value, color in self.thresholds.items()]
        return {"mode": "absolute", "steps": [{"color": "green", "value": None}, *steps]}

    def _defaults(self) -> dict[str, Any]:
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class TimeSeries(Panel):
    """Lines over time, stacked if `stacked`. The axis ends at `soft_maximum` at least.

    A panel that is usually 0 needs one: Grafana's axis ends at 100 otherwise, and a first failure can't be seen.
    """

    stacked: bool = False
    soft_maximum: float | None = None

    def _defaults(self) -> dict[str, Any]:
        return {
            "custom": {
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": 35 if self.stacked else 8,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
                "thresholdsStyle": {"mode": "dashed" if self.thresholds else "off"},
                **({} if self.soft_maximum is None else {"axisSoftMax": self.soft_maximum}),
            },
            "thresholds": self._steps(),
        }

    def _options(self) -> dict[str, Any]:
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True)
class Stat(Panel):
    """One current number; `words` replace values by text.

    Uses an instant query, because over a time range a stopped service would still show its last number.
    """

    width: int = 4
    height: int = 4
    words: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    kind = "stat"
    is_instant = True

    def _defaults(self) -> dict[str, Any]:
        words = {str(value): {"text": text, "color": color} for value, (text, color) in self.words.items()}
        return {
            "color": {"mode": "thresholds"},
            "thresholds": self._steps(),
            "mappings": [{"type": "value", "options": words}] if words else None,
            "noValue": "no data",
        }

    def _options(self) -> dict[str, Any]:
        return {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "value",
        }


@dataclass(frozen=True)
class Row:
    """A heading and its panels."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Annotation:
    """An annotation on all panels while `query` has a sample above 0; `title` is its text."""

    name: str
    query: str
    title: str
    color: str
    text: str = ""

    def json(self) -> dict[str, Any]:
        """Returns the annotation's JSON for Grafana."""
        return {
            "name": self.name,
            "datasource": DATASOURCE,
            "enable": True,
            "iconColor": self.color,
            "expr": self.query,
            "step": "5s",
            "titleFormat": self.title,
            "textFormat": self.text,
        }


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. The label `engine` of the series `engines_of` fills the menu of engines."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    engines_of: str | None = None

    def json(self, annotations: Sequence[Annotation]) -> dict[str, Any]:
        """The JSON that Grafana reads."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["alphaforge"],
            "schemaVersion": 39,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "5s",
            "time": {"from": "now-15m", "to": "now"},
            "timezone": "utc",
            "links": [{"type": "dashboards", "title": "AlphaForge", "tags": ["alphaforge"], "asDropdown": False}],
            "annotations": {"list": [each.json() for each in annotations]},
            "templating": {"list": list(self._variables())},
            "panels": list(self._panels()),
        }

    def _variables(self) -> Iterable[dict[str, Any]]:
        if self.engines_of is not None:
            yield {
                "name": "engine",
                "label": "engine",
                "type": "query",
                "datasource": DATASOURCE,
                "query": f"label_values({self.engines_of}, engine)",
                "refresh": 2,
                "sort": 1,
                "multi": True,
                "includeAll": True,
                "allValue": ".+",
                "current": {"text": ["All"], "value": ["$__all"]},
            }

    def _panels(self) -> Iterable[dict[str, Any]]:
        number = y = 0
        for row in self.rows:
            number += 1
            grid = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
            yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": grid, "panels": []}
            y += 1
            x = height = 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y, height = 0, y + height, 0
                number += 1
                yield panel.json(number, x, y)
                x, height = x + panel.width, max(height, panel.height)
            y += height

"""
Grafana's JSON of a dashboard, from panels that say only what differs.

References
----------
.. [1] Grafana's documentation, "Dashboard JSON model" (schema version 39).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

SCHEMA_VERSION: Final = 39
DATASOURCE: Final = {"type": "prometheus", "uid": "tagkeeper"}
COLUMNS: Final = 24
PANEL_HEIGHT: Final = 8
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "value_and_name",
    },
    "table": {"showHeader": True},
}
Unit = Literal[
    "none", "short", "s", "bytes", "percentunit", "reqps", "ops", "dateTimeFromNow", "bool"
]


@dataclass(frozen=True, slots=True)
class Query:
    """A query in PromQL, and what its series are called, as ``{{label}}`` or as a text."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class PanelLink:
    """A link of a panel: its text, and an address that may name the dashboard's variables."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """
    One panel.

    Parameters
    ----------
    title, description : str
        What it shows, and how to read it.
    unit : str
        As Grafana names it.
    queries : tuple of Query
    kind : {"timeseries", "stat", "table"}, default="timeseries"
        A table shows the latest value of each series.
    links : tuple of PanelLink
    width : int, default=12
        Columns, of 24.
    """

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    links: tuple[PanelLink, ...] = ()
    width: int = 12


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard: its id in addresses, title, panels from left to right, and variables."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


def dashboard_json(dashboard: Dashboard, addresses: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """
    Return a dashboard as Grafana reads it from a file.

    Parameters
    ----------
    dashboard : Dashboard
    addresses : sequence of (str, str)
        Variables with their defaults: addresses that links begin with, which users may change.
    """
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["tagkeeper"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_variable(name, url) for name, url in addresses]},
        "annotations": {"list": [_promotions()]},
        "links": [
            {
                "title": "Tagkeeper",
                "type": "dashboards",
                "tags": ["tagkeeper"],
                "asDropdown": False,
                "keepTime": True,
            }
        ],
        "panels": _panels(dashboard.panels),
    }


def _panels(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Place the panels in rows."""
    placed, x, y = [], 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + PANEL_HEIGHT
        position = {"x": x, "y": y, "w": panel.width, "h": PANEL_HEIGHT}
        placed.append(_panel(panel, number, position))
        x += panel.width
    return placed


def _panel(panel: Panel, number: int, position: dict[str, int]) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend,
            "instant": instant,
            "range": not instant,
            **({"format": "table"} if panel.kind == "table" else {}),
        }
        for index, query in enumerate(panel.queries)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": "nothing yet"}
    if panel.kind == "timeseries":
        defaults["custom"] = {"fillOpacity": 10, "showPoints": "never", "spanNulls": False}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": position,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "links": [
            {"title": link.title, "url": link.url, "targetBlank": True} for link in panel.links
        ],
        **({"transformations": [_without_time()]} if panel.kind == "table" else {}),
    }


def _without_time() -> dict[str, Any]:
    hidden = {"Time": True, "__name__": True, "instance": True, "job": True}
    return {"id": "organize", "options": {"excludeByName": hidden}}


def _variable(name: str, url: str) -> dict[str, Any]:
    chosen = {"text": url, "value": url, "selected": True}
    return {
        "name": name,
        "label": name.replace("_", " "),
        "type": "textbox",
        "query": url,
        "current": chosen,
        "options": [chosen],
        "hide": 0,
    }


def _promotions() -> dict[str, Any]:
    """Return the annotation that marks each promotion."""
    return {
        "name": "Promotions",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "purple",
        "expr": "changes(tagkeeper_champion_promoted_timestamp_seconds[1m]) > 0",
        "titleFormat": "new champion",
        "step": "60s",
    }

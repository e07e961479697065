"""The dashboards say what they show, ask only for metrics that exist, and are what Grafana reads."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from include.monitoring.config import FILES
from include.monitoring.dashboards import ADDRESSES, DASHBOARDS
from include.monitoring.grafana import COLUMNS, DATASOURCE, dashboard_json
from tests.unit.test_alert_rules import METRIC, RULES, known_metrics, rules

PANELS = [
    pytest.param(panel, id=f"{dashboard.title}-{panel.title}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
]
JSON = [dashboard_json(dashboard, ADDRESSES) for dashboard in DASHBOARDS]


@pytest.mark.parametrize("panel", PANELS)
def test_panel_says_what_it_shows_in_which_unit_and_where_to_go_on(panel):
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit
    assert panel.links


@pytest.mark.parametrize("panel", PANELS)
def test_panel_asks_only_for_metrics_that_exist(panel):
    recorded = {rule["record"] for path in RULES for rule in rules(path) if "record" in rule}
    asked = {name for query in panel.queries for name in METRIC.findall(query.expr)}
    named = {name for query in panel.queries for name in re.findall(r"app:[\w:]+", query.expr)}

    assert {name for name in asked if not name.startswith("prometheus_")} <= known_metrics()
    assert named <= recorded


def test_queries_are_promql(tmp_path):
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed")
    expressions = [
        query.expr.replace("$__rate_interval", "1m")
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    ]
    recorded = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(expressions)]
    path: Path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    done = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("dashboard", JSON, ids=lambda one: one["title"])
def test_panels_do_not_overlap_and_have_ids_of_their_own(dashboard):
    covered = [
        (column, row)
        for panel in dashboard["panels"]
        for at in [panel["gridPos"]]
        for column in range(at["x"], at["x"] + at["w"])
        for row in range(at["y"], at["y"] + at["h"])
    ]

    assert len(covered) == len(set(covered))
    assert max(column for column, _ in covered) < COLUMNS
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.parametrize("dashboard", JSON, ids=lambda one: one["title"])
def test_links_name_only_the_dashboards_variables(dashboard):
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    used = {
        name
        for panel in dashboard["panels"]
        for link in panel["links"]
        for name in re.findall(r"\$\{(\w+)\}", link["url"])
    }

    assert used
    assert used <= variables


def test_dashboards_use_the_data_source_that_is_provisioned():
    path = FILES / "grafana" / "provisioning" / "datasources" / "tagkeeper.yml"
    (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]

    assert {"type": source["type"], "uid": source["uid"]} == DATASOURCE

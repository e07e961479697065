"""Every alert has a severity, a runbook and a test, and asks for metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import serving.metrics
from include.monitoring.metrics import METRICS, PREFIX

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "monitoring" / "rules").glob("*.yml"))
TESTS = sorted((ROOT / "tests" / "rules").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "How to look", "What to do", "How to know that it is over"]
METRIC = re.compile(r"\b(?:app|tagkeeper|prometheus)_\w+")


def rules(path: Path) -> list[dict]:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for path in RULES for rule in rules(path) if "alert" in rule}
CASES = [
    case
    for path in TESTS
    for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    for case in test["alert_rule_test"]
]


def known_metrics() -> set[str]:
    """Return the names of all series of the service and of the exporter."""
    exported = {PREFIX + metric.name for metric in METRICS}
    source = Path(serving.metrics.__file__).read_text(encoding="utf-8")
    described = set(re.findall(r'"(app_\w+)"', source))
    served = {
        name
        for family in REGISTRY.collect()
        for name in (
            family.name,
            *(f"{family.name}{suffix}" for suffix in ("_total", "_bucket", "_count", "_sum")),
        )
    }
    return exported | served | described


@pytest.mark.parametrize("rule", ALERTS.values(), ids=list(ALERTS))
def test_alert_says_how_urgent_it_is_and_what_happened(rule):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_a_runbook_with_every_section(name):
    page = ROOT / ALERTS[name]["annotations"]["runbook"]
    text = page.read_text(encoding="utf-8")

    assert page == RUNBOOKS / f"{name}.md"
    assert text.splitlines()[0] == f"# {name}"
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS


def test_every_runbook_is_that_of_an_alert():
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_tested_when_it_fires_and_when_it_does_not(name):
    fires = [bool(case["exp_alerts"]) for case in CASES if case["alertname"] == name]
    assert set(fires) == {True, False}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_metrics_in_rules_exist(path):
    recorded = {rule["record"] for each in RULES for rule in rules(each) if "record" in rule}
    asked = {name for rule in rules(path) for name in METRIC.findall(rule["expr"])}
    own = {name for name in asked if name.startswith("prometheus_")}

    assert asked - own - known_metrics() - recorded == set()


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_as_their_tests_say(path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_runbooks_name_only_documents_that_exist():
    missing = [
        f"{page.name}: {link}"
        for page in RUNBOOKS.glob("*.md")
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []

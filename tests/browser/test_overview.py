"""The first page at the service in headless Chromium, behind its key, from real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.drift.signal_catalogue import SignalValue
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.drift import DriftReport, save_report, set_artifact
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from serving.keys import add_key
from serving.served_models import ServedModels
from tests.browser.test_page import Site, violations
from tests.integration.test_exporter import promote
from tests.serving.conftest import loaded_model

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser, database_url: str, tmp_path: Path) -> Iterator:
    key = add_key(tmp_path / "keys", "ann")
    settings = Settings(
        local_dir=tmp_path,
        site="sandbox",
        database_url=database_url,
        mlflow_tracking_uri="http://mlflow.example.org:5000",
        service_api_keys_file=tmp_path / "keys",
        service_public_url="http://service.example.org/",
        grafana_url="http://grafana.example.org:3000",
        airflow_url="http://airflow.example.org:8080/",
    )
    site = Site(settings, ServedModels(champion=loaded_model()))
    context = browser.new_context(http_credentials={"username": "anyone", "password": key})
    page = context.new_page()
    page.refused = []
    page.on("console", lambda line: page.refused.append(line.text))
    page.goto(f"{site.url}overview")
    yield page
    context.close()
    site.close()


def test_a_key_as_password_opens_the_page_with_what_to_do_first(opened):
    assert "No question of sandbox is stored." in opened.get_by_role("main").inner_text()
    link = opened.get_by_role("link", name="Open ingest_questions").get_attribute("href")
    assert link == "http://airflow.example.org:8080/dags/ingest_questions"
    suggestions = opened.get_by_role("link", name="Ask for suggestions")
    assert suggestions.get_attribute("href") == "http://service.example.org"


def barriers(page) -> dict[str, dict[str, list[str]]]:
    """Return what axe-core finds in light and dark, at two widths, and whether the page is too wide."""
    found = {}
    for scheme in ("light", "dark"):
        for width in (390, 1280):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            found[f"{scheme}, {width}"] = violations(page)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    return {state: rules for state, rules in found.items() if rules}


def fill(database_url: str) -> None:
    """Store questions, a champion, and a drift check with alarms whose report has pages."""
    engine = make_engine(database_url)
    made = simulate(months=2, questions_per_month=30, events=(), site="sandbox")
    start, end = datetime(2023, 6, 1, tzinfo=UTC), datetime(2023, 7, 1, tzinfo=UTC)
    signals = [SignalValue(name, 2.0, "a test") for name in ("keywords", "tags", "best_scores")]
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)
        promote(connection, "7")
        report = DriftReport("month", "sandbox", start, end, "7", 30, "drift", {"reason": "r"})
        thresholds = {each.signal: 1.0 for each in signals}
        report_id = save_report(connection, report, signals, thresholds)
        set_artifact(connection, report_id, "http://mlflow.example.org:5000/#/report")
    engine.dispose()


def test_page_has_no_barrier_empty_or_full_and_its_facts_are_stored_ones_with_links(
    opened, database_url
):
    assert opened.refused == []  # by the Content-Security-Policy
    assert opened.locator("body").evaluate("body => getComputedStyle(body).fontFamily") != ""
    assert opened.locator(".facts").evaluate("one => getComputedStyle(one).display") == "grid"
    empty = barriers(opened)
    fill(database_url)
    opened.reload()
    opened.get_by_text("version 7").wait_for()
    full = barriers(opened)

    assert (empty, full) == ({}, {})
    facts = " ".join(opened.locator(".facts").inner_text().split())
    assert "learned the latest 200 of 600 questions, since 2023-06-11" in facts
    links = {
        link.inner_text(): link.get_attribute("href") for link in opened.locator(".facts a").all()
    }
    assert links == {
        "Fetch months": "http://airflow.example.org:8080/dags/ingest_questions",
        "Version in MLflow": "http://mlflow.example.org:5000/#/models/tag-suggester/versions/7",
        "By day, in Grafana": "http://grafana.example.org:3000/d/tagkeeper-quality",
        "Its report": "http://mlflow.example.org:5000/#/report",
        "Its checks": "http://airflow.example.org:8080/dags/monitor_predictions",
        "Backups": "http://airflow.example.org:8080/dags/back_up",
    }

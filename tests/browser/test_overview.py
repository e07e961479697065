"""The first page at the service in headless Chromium, behind its key, from real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from include.settings import Settings
from serving.keys import add_key
from serving.served_models import ServedModels
from tests.browser.test_page import Site
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


def test_page_has_its_style_and_no_barrier(opened):
    assert opened.refused == []  # by the Content-Security-Policy
    assert opened.locator("body").evaluate("body => getComputedStyle(body).fontFamily") != ""
    assert opened.locator(".facts").evaluate("one => getComputedStyle(one).display") == "grid"
    assert Axe().run(opened).response["violations"] == []

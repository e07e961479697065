"""The stability page as a part of Airflow's own web app: who sees it, and what they see."""

from __future__ import annotations

import subprocess
import sys

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import text

from include import names
from include.evaluation.year_json import to_json
from include.pages.stability import page_title, render
from include.store.engine import make_engine
from include.store.stability import Study, record_study, save_report
from tests.unit.stability_reports import year_report

pytestmark = pytest.mark.integration

REPORT = year_report(questions=60)
STUDY = Study(
    study_id="0a1b2c", site=REPORT.site, candidate=REPORT.candidate, parameters={"penalty": 1},
    window_months=None, min_tag_count=5, encoder="", code_version="test",
)  # fmt: skip


@pytest.fixture
def stored(web):
    """The report of a year, stored."""
    engine = make_engine(web.database_url)
    with engine.begin() as connection:
        record_study(connection, STUDY)
        save_report(
            connection,
            STUDY,
            to_json(REPORT),
            first_month=REPORT.months[0],
            last_month=REPORT.months[-1],
            source_id="s",
            html=render(REPORT),
            run_ids=[],
        )
    yield
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM stability_studies"))
    engine.dispose()


def text_of(response, selector: str) -> str:
    return " ".join(LexborHTMLParser(response.text).css_first(selector).text().split())


def test_without_a_page_the_list_says_which_backfill_to_run(web, login):
    login("viewer")
    response = web.get("/stability/")

    assert response.status_code == 200
    assert names.DAG_STABILITY in text_of(response, "ol")
    assert "airflow backfill create --dag-id stability_month" in text_of(response, "pre")


@pytest.mark.parametrize("path", ["/stability/", "/stability/0a1b2c/2019-01"])
def test_anonymous_user_is_rejected(web, login, stored, path):
    response = web.get(path)

    assert response.status_code == 401
    assert text_of(response, "h1") == "Log in first"
    assert REPORT.candidate not in response.text


def test_user_without_access_to_the_dag_is_rejected(web, login, stored):
    login(None)

    assert web.get("/stability/0a1b2c/2019-01").status_code == 403


def test_list_links_to_the_page(web, login, stored):
    login("viewer")
    shown = web.get("/stability/")
    link = LexborHTMLParser(shown.text).css_first("h2 a")
    page = web.get(f"/stability/{link.attributes['href']}")

    assert REPORT.recommendation in shown.text
    assert page.status_code == 200
    assert text_of(page, "title") == page_title(REPORT)
    assert text_of(page, ".back a") == "All pages"


def test_missing_page_is_not_found(web, login, stored):
    login("viewer")

    assert web.get("/stability/0a1b2c/2031-01").status_code == 404


def test_only_airflow_may_frame_the_page(web, login, stored):
    login("viewer")
    for path in ("/stability/", "/stability/0a1b2c/2019-01", "/stability/framed.js"):
        headers = web.get(path).headers

        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_page_is_in_airflows_menu_and_on_a_dag(web, login):
    login("admin")
    plugins = web.get("/api/v2/plugins").json()["plugins"]
    (ours,) = (each for each in plugins if each["name"] == "tagkeeper_stability_page")

    assert {each["destination"] for each in ours["external_views"]} == {"nav", "dag"}
    assert {each["href"] for each in ours["external_views"]} == {"stability/"}
    for icon in ("icon", "icon_dark_mode"):
        address = ours["external_views"][0][icon]
        assert web.get(f"/{address}").headers["content-type"].startswith("image/svg+xml")


def test_tasks_that_create_runs_and_reports_have_links(dags):
    from airflow.serialization.serialized_objects import DagSerialization

    def links(dag_id: str, task_id: str) -> set[str]:
        stored = DagSerialization.from_dict(DagSerialization.to_dict(dags[dag_id]))
        return set(stored.get_task(task_id).extra_links)

    assert "MLflow run" in links(names.DAG_TRAIN, "train")
    assert "MLflow run" in links(names.DAG_STABILITY, "study")
    assert "Drift report" in links(names.DAG_MONITOR_DRIFT, "pages")


@pytest.mark.parametrize("returned", [{"run_id": "7f"}, {"tfidf": "7f", "frequency": "8a"}])
def test_link_leads_to_the_run_of_a_training(returned, monkeypatch):
    from plugins.mlflow_links import MlflowRunLink

    monkeypatch.setenv("MLFLOW_URL", "http://mlflow.example:5000")

    assert MlflowRunLink().url(returned) == "http://mlflow.example:5000/#/runs/7f"


def test_tasks_do_not_import_the_page():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, plugins.stability_page; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert {"fastapi", "jinja2", "psycopg2"} & set(loaded) <= imported_by_airflow()


def imported_by_airflow() -> set[str]:
    """Return what Airflow loads for any plugin."""
    return set(
        subprocess.run(
            [sys.executable, "-c", "import sys, airflow.plugins_manager; print(*sys.modules)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    )

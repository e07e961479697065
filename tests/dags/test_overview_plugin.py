"""The first page as a part of Airflow's own web app: who sees it, and what it reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import delete

from include import names
from include.sandbox.simulator import simulate
from include.store.engine import make_engine
from include.store.questions import upsert_questions

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


@pytest.fixture
def runs(web):
    """Airflow runs: one that runs, and one DAG whose last run failed after a success."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

    def run(dag_id, run_id, state, hours):
        made = DagRun(
            dag_id=dag_id,
            run_id=run_id,
            run_type=DagRunType.MANUAL,
            run_after=NOW,
            start_date=NOW - timedelta(hours=hours),
            state=state,
        )
        made.end_date = None if state == DagRunState.RUNNING else made.start_date
        return made

    with create_session() as session:
        session.add_all(
            [
                run(names.DAG_TRAIN, "training-a", DagRunState.RUNNING, 2),
                run(names.DAG_BACK_UP, "backup-a", DagRunState.SUCCESS, 30),
                run(names.DAG_BACK_UP, "backup-b", DagRunState.FAILED, 5),
                run(names.DAG_RETENTION, "retention-a", DagRunState.FAILED, 30),
                run(names.DAG_RETENTION, "retention-b", DagRunState.SUCCESS, 5),
            ]
        )
    yield
    with create_session() as session:
        session.execute(delete(DagRun))


@pytest.fixture
def questions(web):
    """Two months of stored questions."""
    engine = make_engine(web.database_url)
    made = simulate(months=2, questions_per_month=30, events=(), site="stackoverflow")
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)
    yield made.questions
    engine.dispose()


def section(response, heading: str):
    page = LexborHTMLParser(response.text)
    (found,) = (one for one in page.css("section") if one.css_first(f"#{heading}"))
    return found


def text_of(node) -> str:
    return " ".join(node.text().split())


@pytest.mark.parametrize(("role", "status"), [(None, 403), ("viewer", 200)])
def test_who_may_read_the_training_may_read_the_page(web, login, role, status):
    login(role)
    assert web.get("/overview/").status_code == status


def test_anonymous_user_is_asked_to_log_in(web, login):
    response = web.get("/overview/")

    assert response.status_code == 401
    assert "Log in first" in response.text


def test_page_shows_questions_runs_and_failures_with_links(web, login, runs, questions):
    login("viewer")
    response = web.get("/overview/")

    facts = text_of(section(response, "loop"))
    assert f"last 24 months{len(questions)}2 months stored, up to Feb 2023" in facts
    assert "training-a" in text_of(section(response, "runs"))
    assert "2 hours ago" in text_of(section(response, "runs"))
    links = {link.attributes["href"] for link in section(response, "needs").css("a")}
    assert f"../dags/{names.DAG_BACK_UP}/runs/backup-b" in links
    assert not any(names.DAG_RETENTION in link for link in links), "its last run has succeeded"


def test_page_is_the_first_of_ours_in_airflows_menu(web, login):
    login("admin")
    plugins = web.get("/api/v2/plugins").json()["plugins"]
    (ours,) = (each for each in plugins if each["name"] == "tagkeeper_overview_page")

    (menu,) = ours["external_views"]
    assert (menu["destination"], menu["href"], menu["nav_top_level"]) == ("nav", "overview/", True)
    assert web.get(f"/{menu['icon']}").headers["content-type"].startswith("image/svg+xml")

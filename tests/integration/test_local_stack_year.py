"""A year of stability studies on the real platform, by a person at Airflow's UI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include import names
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.state import read_environment
from include.months import months_between
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from tests.integration.airflow_ui import person_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]


def store_year(environment: dict[str, str]) -> None:
    """Store small months from 2018-10 to 2019-12, with a new technology in 2019-06."""
    made = simulate(
        first_month="2018-10",
        months=15,
        questions_per_month=40,
        events=(Event("2019-06", "tag_born", share=0.4),),
        site=environment["SITE"],
    )
    # ids of their own: the stack's site has its own questions from 1 on
    questions = [replace(one, question_id=one.question_id + 10**7) for one in made.questions]
    engine = make_engine(environment["DATABASE_URL"])
    with engine.begin() as connection:
        upsert_questions(connection, questions)
    engine.dispose()


def test_a_user_backfills_a_year_in_airflow_and_reads_the_stability_page(
    local: Path, browser: Browser, tmp_path: Path
):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    airflow.wait_for_dag(names.DAG_STABILITY)
    store_year(environment)
    year = ("2019-01", "2019-12")

    with person_at(browser, environment, pictures=tmp_path) as person:
        before = person.open_from_menu("Stability")
        before.get_by_role("heading", name="No month has been studied yet").wait_for()

        person.open_dag(names.DAG_STABILITY)
        person.ask_for_backfill("2019/01/01", "2019/12/31", candidate="frequency", at_once=4)
        runs = airflow.wait_for_backfill(names.DAG_STABILITY, *year)
        shown = person.shown_runs()

        listed = person.open_tab("Stability")
        listed.get_by_role("link", name="frequency, Jan 2019 to Dec 2019").click()
        answer = listed.locator("#answer .verdict").inner_text()
        fresh, learned = listed.locator("#months table").all()
        months = fresh.locator("tbody th").all_inner_texts()
        assert learned.locator("tbody th").all_inner_texts() == months
        with person.page.context.expect_page() as opened:
            listed.get_by_role("link", name="MLflow run").first.click()
        opened.value.get_by_text("Model_Month_2019-01").first.wait_for()

    links = airflow.call(
        "GET",
        f"/dags/{names.DAG_STABILITY}/dagRuns/{runs[0].run_id}/taskInstances/study/links",
    )
    assert [run.month for run in runs] == months == list(months_between(*year))
    backfilled = [row for row in shown if row.startswith("backfill__")]
    assert sorted(row[: len("backfill__2019-01")] for row in backfilled) == [
        f"backfill__{month}" for month in months
    ]
    assert answer.startswith(("Do not retrain", "Retrain "))
    assert links["extra_links"]["MLflow run"].startswith(environment["MLFLOW_URL"])

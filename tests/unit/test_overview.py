"""The first page: what needs a person, from the state of the loop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser

from include import names
from include.dag_docs import dag_purposes
from include.monitoring.overview import mlflow_addresses
from include.pages.overview import (
    ChampionState,
    DagRunStatus,
    LastCheck,
    LiveQuality,
    LoopState,
    needs,
    render_overview,
)
from include.store.models import Promotion
from include.tag_names import LikelyRename

NOW = datetime(2024, 3, 5, 12, tzinfo=UTC)
NEW = LoopState("devops", NOW)
STORED = replace(NEW, months={"2024-01": 900, "2024-02": 1100})
SERVED = replace(
    STORED,
    champion=ChampionState("3", NOW - timedelta(days=4), learned_until="2024-01"),
    backup_at=NOW - timedelta(hours=9),
)


def open_dags(state: LoopState) -> list[str | None]:
    return [need.dag_id for need in needs(state)]


def section(html: str, heading: str) -> str:
    page = LexborHTMLParser(html)
    (found,) = (one for one in page.css("section") if one.css_first(f"#{heading}"))
    return " ".join(found.text(separator=" ").split())


@pytest.mark.parametrize(
    ("state", "dag_ids"),
    [
        (NEW, [names.DAG_INGEST]),
        (replace(NEW, active=(DagRunStatus(names.DAG_INGEST, "b", "running"),)), []),
        (STORED, [names.DAG_TRAIN]),
        (replace(STORED, active=(DagRunStatus(names.DAG_TRAIN, "t", "queued"),)), []),
        (SERVED, []),
    ],
)
def test_next_step_of_a_new_installation_is_named_until_it_runs(state, dag_ids):
    assert open_dags(state) == dag_ids


@pytest.mark.parametrize(
    ("change", "dag_id"),
    [
        ({"open_windows": 2}, names.DAG_INGEST),
        ({"live": LiveQuality(60, 0.2, 0.4)}, names.DAG_ROLLBACK),
        ({"unsent": 1}, names.DAG_WATCH),
        ({"backup_at": NOW - timedelta(days=3)}, names.DAG_BACK_UP),
        ({"backup_at": None}, names.DAG_BACK_UP),
        ({"failed": (DagRunStatus(names.DAG_STABILITY, "r", "failed"),)}, names.DAG_STABILITY),
    ],
)
def test_fault_is_named_with_the_dag_to_open(change, dag_id):
    assert open_dags(replace(SERVED, **change)) == [dag_id]


def test_likely_rename_is_proposed_with_the_line_to_write():
    state = replace(SERVED, renames=[LikelyRename("golang", "go", 12, 13)])
    text = section(render_overview(state), "needs")

    assert "golang seems to be called go now" in text
    assert "12 of the 13 questions" in text
    assert "golang,go" in text


@pytest.mark.parametrize(
    "live", [LiveQuality(49, 0.2, 0.4), LiveQuality(60, 0.5, 0.4), LiveQuality(60, 0.2, None)]
)
def test_precision_of_few_answers_or_without_a_threshold_needs_nobody(live):
    assert needs(replace(SERVED, live=live)) == []


def test_page_says_how_far_the_model_is_behind_the_stored_months():
    text = section(render_overview(SERVED), "loop")

    assert "2,000" in text
    assert "version 3 promoted 4 days ago learned until Jan 2024; 1 month stored since" in text


def test_month_of_which_a_refresh_learned_some_days_is_one_that_is_stored_since():
    champion = ChampionState("4", NOW - timedelta(days=4), learned_until="2024-02-12")
    text = section(render_overview(replace(SERVED, champion=champion)), "loop")

    assert "learned until 2024-02-12; 1 month stored since" in text


@pytest.mark.parametrize(
    ("learned", "window", "said"),
    [
        (2000, 2000, "learned 2,000 questions, since 2023-02-01"),
        (500, 2000, "learned the latest 500 of 2,000 questions, since 2023-02-01"),
        (None, 2000, "promoted 4 days ago learned until Jan 2024"),
    ],
)
def test_page_says_how_many_questions_the_model_learned_and_since_when(learned, window, said):
    champion = replace(
        SERVED.champion,
        learned_since=date(2023, 2, 1),
        question_count=learned,
        window_count=window,
    )

    assert said in section(render_overview(replace(SERVED, champion=champion)), "loop")


def test_each_fact_of_a_new_installation_leads_to_the_dag_that_fills_it():
    page = LexborHTMLParser(render_overview(NEW, airflow="https://airflow.example.org"))
    links = [link.attributes["href"].rpartition("/")[2] for link in page.css(".facts a")]

    assert links == [
        names.DAG_INGEST,
        names.DAG_TRAIN,
        names.DAG_MONITOR_DRIFT,
        names.DAG_MONITOR_PREDICTIONS,
        names.DAG_BACK_UP,
    ]


def test_address_of_a_report_that_is_a_script_is_no_link():
    checks = {"month": LastCheck("drift", NOW, address="javascript:alert(1)")}

    assert "javascript:" not in render_overview(replace(SERVED, checks=checks))


def test_page_says_what_each_dag_does_in_the_order_of_the_loop():
    dags = dag_purposes()
    page = LexborHTMLParser(render_overview(replace(NEW, dags=dags)))

    assert [each.text() for each in page.css(".purposes dt")] == list(names.DAGS) == list(dags)
    assert page.css_first(".purposes dd").text() == f"{dags[names.DAG_INGEST]}."


def test_an_image_without_dag_files_has_no_list_of_them(tmp_path):
    assert dag_purposes(tmp_path) == {}
    assert "What each DAG does" not in render_overview(NEW)


def test_page_of_a_new_installation_says_what_to_do_and_claims_nothing():
    html = render_overview(NEW)

    assert "No question of devops is stored." in section(html, "needs")
    assert "not checked yet" in section(html, "loop")
    assert "No DAG is running." in section(html, "runs")


def test_page_that_did_not_ask_airflow_claims_nothing_of_runs_and_links_to_it():
    html = render_overview(replace(SERVED, active=None), airflow="https://airflow.example.org")

    assert "No DAG is running" not in html
    assert "no run has failed" not in section(html, "needs")
    assert 'href="https://airflow.example.org/dags"' in html


def test_names_of_runs_and_sites_are_escaped():
    bad = "<script>alert(1)</script>"
    state = replace(
        SERVED,
        site=bad,
        active=(DagRunStatus(names.DAG_TRAIN, bad, "running", NOW),),
        checks={"month": LastCheck("drift", NOW, (bad,))},
    )

    assert "<script>alert" not in render_overview(state)


def promotion(figures: dict[str, str]) -> Promotion:
    return Promotion(1, NOW, names.CHAMPION, None, "3", "first", "tester", "better", figures, None)


def test_links_to_mlflow_lead_to_the_trainings_and_the_model_once_there_are_some():
    mlflow = "http://mlflow:5000/"
    by_hand, trained = promotion({}), promotion({"experiment_id": "2"})
    assert list(mlflow_addresses(mlflow, []).values()) == [mlflow]
    assert list(mlflow_addresses(mlflow, [by_hand, trained]).values()) == [
        "http://mlflow:5000/#/experiments/2/runs?viewStateShareKey=trainings",
        "http://mlflow:5000/#/models/tag-suggester",
    ]

"""`stability_month` in a real Airflow: months on request, named after their data, as one study."""

import json
from datetime import UTC, datetime

import pytest

from include import names
from include.registry.runs import Runs
from include.store.stability import read_reports
from tests.dags.airflow_command import airflow


def restriction(catchup):
    from airflow.timetables.base import TimeRestriction

    return TimeRestriction(
        datetime(2019, 1, 1, tzinfo=UTC), datetime(2019, 12, 1, tzinfo=UTC), catchup
    )


def stored_timetable(dags):
    """The timetable as the scheduler reads it back from Airflow's database."""
    from airflow.serialization.serialized_objects import DagSerialization

    stored = json.loads(json.dumps(DagSerialization.to_dict(dags[names.DAG_STABILITY])))
    return DagSerialization.from_dict(stored)


def test_nothing_is_due_by_itself(dags):
    timetable = stored_timetable(dags).timetable

    assert (
        timetable.next_dagrun_info(
            last_automated_data_interval=None, restriction=restriction(catchup=False)
        )
        is None
    )


def test_backfill_of_a_year_is_twelve_months_named_after_their_data(dags):
    from airflow.models.dagrun import DagRun
    from airflow.utils.types import DagRunType

    dag = stored_timetable(dags)
    months = list(
        dag.iter_dagrun_infos_between(
            datetime(2019, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)
        )
    )

    assert dag.timetable.periodic
    # as Airflow's backfill names a run
    assert [
        DagRun.generate_run_id(
            run_type=DagRunType.BACKFILL_JOB,
            logical_date=info.logical_date,
            run_after=info.run_after,
        )
        for info in months
    ] == [f"backfill__2019-{number:02d}-01T00:00:00+00:00" for number in range(1, 13)]
    assert [info.data_interval.end.month for info in months] == [*range(2, 13), 1]


@pytest.fixture
def platform(platform, tmp_path):
    """The environment of a platform with five months of questions, and a folder of its own."""
    return platform | {"LOCAL_DIR": str(tmp_path)}


def run(platform, **conf):
    conf_json = json.dumps({"candidates": ["frequency"], **conf})
    return airflow("dags", "test", names.DAG_STABILITY, "--conf", conf_json, **platform)


@pytest.mark.integration
def test_months_run_backwards_are_one_report(platform, engine, mlflow_server):
    for month in ("2023-05", "2023-04"):
        code, output = run(platform, month=month)
        assert code == 0, output[-5000:]

    with engine.connect() as connection:
        (report,) = read_reports(connection, platform["SITE"])
    assert (report.first_month, report.last_month) == ("2023-04", "2023-05")
    run_names = [
        Runs(mlflow_server).get(run_id).tags["mlflow.runName"] for run_id in report.run_ids
    ]
    assert run_names == ["Model_Month_2023-04", "Model_Month_2023-05"]


@pytest.mark.integration
def test_month_that_is_not_stored_fails_at_once_with_the_command(platform):
    code, output = run(platform, month="2024-09")

    assert code != 0
    assert "tagkeeper ingest --month 2024-09" in output
    assert "new_state=up_for_retry" not in output

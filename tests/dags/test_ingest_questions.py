"""The month that a run of `ingest_questions` is about, and how its failures are retried."""

from datetime import UTC, datetime, timedelta

import pytest

from include.errors import CheckFailedError, FixInputError, FixSettingsError, RetryLaterError
from include.months import months_between, resolve_month


@pytest.fixture(scope="module")
def dag(dags):
    return dags["ingest_questions"]


@pytest.fixture(scope="module")
def stored(dag):
    """The DAG as the scheduler and the API see it."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def month(interval, params=None) -> str:
    start, end = (interval.start, interval.end) if interval else (None, None)
    return resolve_month(params or {"month": None}, start, end)


def test_backfill_has_one_run_for_each_month_between_both_ends(stored):
    runs = stored.iter_dagrun_infos_between(datetime(2023, 1, 1), datetime(2023, 12, 31))
    assert tuple(month(run.data_interval) for run in runs) == months_between("2023-01", "2023-12")


def test_scheduled_run_is_about_the_last_month_that_is_over(stored):
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(stored.start_date, None, catchup=False)
    run = stored.timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=restriction
    )
    last_over = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    assert month(run.data_interval) == last_over
    assert run.run_after == run.data_interval.end


def trigger(stored, **body) -> dict:
    from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody

    return TriggerDAGRunPostBody(**body).validate_context(stored)


def test_manual_run_is_about_the_month_that_it_names(stored):
    run = trigger(stored, logical_date=None, conf={"month": "2019-05"})
    assert month(run["data_interval"], run["conf"]) == "2019-05"


def test_manual_run_with_a_logical_date_takes_the_last_month_before_it(stored):
    run = trigger(stored, logical_date="2024-03-15T12:00:00Z")
    assert month(run["data_interval"]) == "2024-02"


def test_manual_run_without_month_and_date_says_what_to_give(stored):
    with pytest.raises(FixInputError, match="'month'"):
        month(trigger(stored, logical_date=None)["data_interval"])


@pytest.mark.parametrize("wrong", ["2024-13", "2024-1", "January", 202401])
def test_trigger_form_rejects_an_invalid_month(stored, wrong):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="param month"):
        stored.params.deep_merge({"month": wrong}).validate()


@pytest.mark.parametrize("right", [None, "2024-02"])
def test_trigger_form_takes_a_month_or_none(stored, right):
    assert stored.params.deep_merge({"month": right}).validate() == {"month": right}


def decide(dag, error: Exception, task_id: str = "fetch"):
    policy = dag.get_task(task_id).partial_kwargs["retry_policy"]
    return policy.evaluate(error, try_number=1, max_tries=30)


def test_retry_waits_as_long_as_the_site_asks(dag):
    decision = decide(dag, RetryLaterError("quota used up", retry_after_s=3_600))
    assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(hours=1))


@pytest.mark.parametrize("error", [FixSettingsError, FixInputError, CheckFailedError])
def test_permanent_error_is_not_retried(dag, error):
    assert decide(dag, error("wrong")).action.value == "fail"


def test_unknown_error_is_retried_by_default(dag):
    assert decide(dag, ConnectionError("gone")).action.value == "default"


def test_windows_are_fetched_in_the_api_pool_and_named_by_their_days(dag):
    from include import names

    fetch = dag.get_task("fetch")
    assert fetch.partial_kwargs["pool"] == names.POOL_API
    assert "label" in fetch.partial_kwargs["map_index_template"]

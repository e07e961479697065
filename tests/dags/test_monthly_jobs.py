"""`run_monthly_jobs` waits for its month without a worker, then starts check and training."""

import asyncio
import json
from datetime import timedelta

import pytest

from include import names
from include.months import month_range
from include.store.windows import advance_window, open_window
from tests.dags.airflow_command import airflow, stored_run_ids

pytestmark = pytest.mark.integration

LAST = "2023-05"


def call(*arguments, **environment):
    code, output = airflow(*arguments, **environment)
    assert code == 0, output[-5000:]
    return output


def fetched(engine, site, month):
    """Record that a month has been fetched completely."""
    start, end = month_range(month)
    with engine.begin() as connection:
        window = open_window(connection, site, start, end)
        advance_window(connection, window, cursor=end, fetched=0, done=True)


def run(platform, month):
    return call(
        *("dags", "test", names.DAG_MONTHLY, "--conf", json.dumps({"month": month})), **platform
    )


def started(dag_id):
    return [run_id for run_id in stored_run_ids(dag_id) if run_id.startswith("month-stored-")]


def test_training_follows_the_check_of_a_stored_month(known_dags, platform, engine):
    fetched(engine, platform["SITE"], LAST)
    # Stands for the check that ended: no scheduler runs here that would end it
    call("dags", "trigger", "--run-id", f"month-stored-{LAST}", names.DAG_MONITOR_DRIFT)

    run(platform, LAST)

    assert started(names.DAG_TRAIN) == [f"month-stored-{LAST}"]


def test_month_without_questions_starts_nothing(known_dags, platform, engine):
    before = started(names.DAG_TRAIN), started(names.DAG_MONITOR_DRIFT)
    fetched(engine, platform["SITE"], "2023-06")

    run(platform, "2023-06")

    assert (started(names.DAG_TRAIN), started(names.DAG_MONITOR_DRIFT)) == before


def test_task_leaves_its_worker_while_the_month_is_not_stored(platform, monkeypatch):
    from airflow.sdk.exceptions import TaskDeferred

    from plugins.wait_for_month import WaitForMonth

    for name in ("DATABASE_URL", "SITE"):
        monkeypatch.setenv(name, platform[name])
    task = WaitForMonth(task_id="wait_for_month", longest=timedelta(days=28))

    with pytest.raises(TaskDeferred) as deferred:
        task.execute({"params": {"month": LAST}})

    path, arguments = deferred.value.trigger.serialize()
    assert path == "plugins.wait_for_month.MonthStored"
    assert arguments == {"month": LAST, "poll_s": 60.0}
    assert deferred.value.timeout == timedelta(days=28)


def test_trigger_fires_when_the_month_is_stored_and_not_before(platform, engine, monkeypatch):
    from plugins.wait_for_month import MonthStored

    for name in ("DATABASE_URL", "SITE"):
        monkeypatch.setenv(name, platform[name])

    async def waited() -> tuple[bool, str]:
        events = MonthStored(LAST, poll_s=0.05).run()
        first = asyncio.ensure_future(anext(events))
        early, _ = await asyncio.wait({first}, timeout=1.0)
        fetched(engine, platform["SITE"], LAST)
        event = await asyncio.wait_for(first, 20)
        return bool(early), str(event.payload)

    assert asyncio.run(waited()) == (False, LAST)


def test_trigger_outlasts_a_database_that_is_away(platform, engine, monkeypatch):
    from plugins.wait_for_month import MonthStored

    monkeypatch.setenv("SITE", platform["SITE"])
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    fetched(engine, platform["SITE"], LAST)

    async def waited() -> str:
        events = MonthStored(LAST, poll_s=0.05).run()
        first = asyncio.ensure_future(anext(events))
        await asyncio.wait({first}, timeout=1.0)
        monkeypatch.setenv("DATABASE_URL", platform["DATABASE_URL"])
        return str((await asyncio.wait_for(first, 20)).payload)

    assert asyncio.run(waited()) == LAST

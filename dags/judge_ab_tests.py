"""
### Judge the open A/B test of champion and challenger; also starts and stops tests.

Every day it checks whether the open test split the traffic as planned, whether outcomes are missing
equally often for both versions, and which of them did better on the true tags that were later read
from the site (with `AB_TEST_FEEDBACK` also on feedback). No API key decides alone, except
`TRUSTED_KEYS`. The sequential rule stays valid under daily looks. The verdict is written to the
ledger `ab_verdicts`: promote (the alias `champion` moves), stop (the alias `challenger` is removed)
or go on. Without an open test it does nothing.

In a manual run, `action` says what to do: `start` a test of the champion against `version` (empty:
the version with the alias `challenger`) with a `share` of the traffic, or as a `shadow` whose
answers are only recorded; `stop` the open test; `promote` its challenger on your own judgement; or
`judge` it now. The service follows within
seconds. Safe to run again: a test with a final verdict is closed, and a repeated promotion changes
nothing.
"""

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings


@dag(
    schedule=CronDataIntervalTimetable("0 7 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    params={
        "action": Param("judge", enum=["judge", "start", "stop", "promote"], title="What to do"),
        "version": Param(
            None,
            type=["null", "string"],
            title="Challenger",
            description="version to test; empty for the alias challenger",
        ),
        "share": Param(
            0.5,
            type="number",
            exclusiveMinimum=0,
            exclusiveMaximum=1,
            title="Share",
            description="the challenger's part of the traffic",
        ),
        "shadow": Param(
            False,
            type="boolean",
            title="Shadow",
            description="the champion answers everything, the challenger is only recorded",
        ),
        "reason": Param("", type="string", title="Reason", description="for the ledger"),
    },
    tags=["serving"],
    **dag_settings(names.DAG_JUDGE, __doc__),
)
def judge_ab_test() -> None:
    @task
    def run_action(params: Any = None, run_id: Any = None) -> dict[str, Any] | None:
        from include.jobs.release.ab_testing import run_action
        from include.settings import Settings

        return run_action(Settings.from_env(), params, actor=run_id)

    @task.short_circuit(multiple_outputs=True)
    def ended_test() -> dict[str, Any] | None:
        from include.jobs.release.ab_testing import ended_test_mail
        from include.settings import Settings

        ended = ended_test_mail(Settings.from_env())
        return {"mail_run_id": ended.mail_run_id, "facts": ended.to_dict()} if ended else None

    mail = ended_test()
    notify = TriggerDagRunOperator(
        task_id="notify",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id=mail["mail_run_id"],
        conf={"kind": "ab_test", "facts": mail["facts"], "run": "{{ run_id }}"},
        skip_when_already_exists=True,
    )
    run_action() >> mail >> notify


judge_ab_test()

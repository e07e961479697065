"""
### Champion against challenger on what really happened; also where an A/B test starts and stops.

Looks every day at the open A/B test: is the split of the traffic sound, and which of the two did
better by the true tags that feedback and later pulls have brought. The rule allows looking every
day. Writes the verdict into the ledger `ab_verdicts`: promote (the alias `champion` moves), stop
(the alias `challenger` goes) or go on. Without an open test it does nothing.

Started by hand, `action` is what to do: `start` a test of the champion against `version` (empty:
whoever bears the alias `challenger`) with a `share` of the traffic, or in the `shadow` of the
champion's answers; `stop` the open one; or `judge` it now. The service follows within seconds.
Safe to run again: a test that is judged is closed, and a promotion repeated is none.
"""

from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from include.dag_defaults import DEFAULT_ARGS


@dag(
    schedule=CronDataIntervalTimetable("0 7 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={
        "action": Param("judge", enum=["judge", "start", "stop"], title="What to do"),
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
    doc_md=__doc__,
)
def judge_ab_test():
    @task
    def act(params=None, run_id=None) -> dict | None:
        from include.jobs.release.ab_testing import run
        from include.settings import Settings

        return run(Settings.from_env(), params, actor=run_id)

    @task.short_circuit
    def ended() -> dict | None:
        from include.jobs.release.ab_testing import mail_of_ended
        from include.settings import Settings

        return mail_of_ended(Settings.from_env())

    mail = ended()
    say_so = TriggerDagRunOperator(
        task_id="say_so",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id=mail["mail_run_id"],
        conf={"kind": "ab_test", "facts": mail["facts"], "run": "{{ run_id }}"},
        skip_when_already_exists=True,
    )
    act() >> mail >> say_so


judge_ab_test()

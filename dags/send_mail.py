"""
### Send one mail, and the same to Slack where a webhook is set.

Triggered by `monitor_drift` and `monitor_predictions` on an alarm, by `train_candidates` when a
training has ended, by `rollback_champion` after a rollback, and by `judge_ab_test` when an A/B test
has ended. Each mail is a run of its own: a mail host that is down delays only this run, for up to
half a day, and neither the retraining nor the next check. The run's id identifies the subject, so
that nothing is sent twice. Uses the connection `smtp_default`, from the environment
(`AIRFLOW_CONN_SMTP_DEFAULT`) or from Admin > Connections; while there is none, mails stay in the
local stack's mail sink.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.failure_callbacks import open_smtp


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1),
    max_active_runs=4,
    params={
        "kind": Param("drift", enum=["drift", "training", "rollback", "ab_test"], title="Kind"),
        "facts": Param(
            {}, type="object", title="Facts", description="Passed by the triggering DAG."
        ),
        "run": Param("", type="string", title="Run", description="Run id of the triggering DAG."),
        "seconds": Param(
            None, type=["null", "number"], title="Seconds until the service followed a rollback"
        ),
    },
    tags=["monitor"],
    **dag_settings(names.DAG_SEND_MAIL, __doc__, retries=50),
)
def send_mail() -> None:
    @task
    def mail(params: Any = None) -> str:
        from include.jobs.notifications import send_mail_over
        from include.settings import Settings

        with open_smtp() as client:
            return send_mail_over(client, Settings.from_env(), params)

    @task
    def slack(params: Any = None) -> bool:
        from include.jobs.notifications import post_to_slack
        from include.settings import Settings

        return post_to_slack(Settings.from_env(), params)

    mail()
    slack()


send_mail()

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

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from include.dag_defaults import DEFAULT_ARGS
from plugins.airflow_private import open_connection


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,
    default_args=DEFAULT_ARGS | {"retries": 50, "max_retry_delay": timedelta(minutes=15)},
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
    doc_md=__doc__,
)
def send_mail() -> None:
    @task
    def mail(params: Any = None) -> str:
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        from include.jobs.notifications import send_mail_over
        from include.settings import Settings
        from plugins.smtp_connection import smtp_connection

        with SmtpHook(smtp_conn_id=smtp_connection()) as hook:
            return send_mail_over(open_connection(hook), Settings.from_env(), params)

    @task
    def slack(params: Any = None) -> bool:
        from include.jobs.notifications import post_to_slack
        from include.settings import Settings

        return post_to_slack(Settings.from_env(), params)

    mail()
    slack()


send_mail()

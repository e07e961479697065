"""
### Send one mail, and the same to Slack where a webhook is set.

Triggered by what has something to say: `monitor_drift` and `monitor_predictions` on an alarm,
`train_candidates` when a retraining has ended, `rollback_champion` when it is done,
`judge_ab_test` when an A/B test has ended. A run of its own for each mail, so that a mail host that
is down delays this run alone, for half a day if need be, and neither the retraining nor the next
check. The run's id says what the mail is about, so nothing is sent twice. Goes over the connection
`smtp_default`.
"""

from datetime import datetime, timedelta

from airflow.sdk import Param, dag, task

from include.dag_defaults import DEFAULT_ARGS


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,
    default_args=DEFAULT_ARGS | {"retries": 50, "max_retry_delay": timedelta(minutes=15)},
    params={
        "kind": Param(
            "drift", enum=["drift", "training", "rollback", "ab_test"], title="What about"
        ),
        "facts": Param(
            {}, type="object", title="Facts", description="As the triggering DAG has them."
        ),
        "run": Param("", type="string", title="Run", description="Of the DAG that asks."),
        "seconds": Param(
            None, type=["null", "number"], title="Seconds until the service followed a rollback"
        ),
    },
    tags=["monitor"],
    doc_md=__doc__,
)
def send_mail():
    @task
    def mail(params=None) -> str:
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        from include.jobs.notifications import send_mail_over
        from include.settings import Settings

        with SmtpHook(smtp_conn_id="smtp_default") as hook:
            # The hook's own send_email_smtp knows no plain part; its open connection sends ours.
            connection = hook._smtp_client
            return send_mail_over(connection, Settings.from_env(), params)

    @task
    def slack(params=None) -> bool:
        from include.jobs.notifications import post_to_slack
        from include.settings import Settings

        return post_to_slack(Settings.from_env(), params)

    mail()
    slack()


send_mail()

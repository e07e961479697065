"""The task after a promotion, which it can neither delay nor undo."""

from airflow.sdk import task

from include import names


@task(pool=names.POOL_TRAINING, queue=names.QUEUE_TRAINING)
def prepare_checks() -> list[int]:
    """Predict the champion's reference and calibrate the thresholds of the drift checks."""
    from include.jobs.drift.checks import Monitoring
    from include.settings import Settings

    return list(Monitoring.from_settings(Settings.from_env()).prepare_checks())

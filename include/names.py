"""Names that several packages share."""

from typing import Final

from include.families import FAMILIES

PROJECT: Final = "tagkeeper"

# MLflow
MODEL: Final = "tag-suggester"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
EXPERIMENT_TRAINING: Final = "train_candidates"
EXPERIMENT_STABILITY: Final = "stability"
EXPERIMENT_DRIFT: Final = "drift"

# Airflow: a DAG's id is the name of its function
DAG_INGEST: Final = "ingest_questions"
DAG_INGEST_RECENT: Final = "ingest_recent"
DAG_SETTLE: Final = "settle_labels"
DAG_TRAIN: Final = "train_candidates"
DAG_REFRESH: Final = "refresh_champion"
DAG_STABILITY: Final = "stability_month"
DAG_MONITOR_PREDICTIONS: Final = "monitor_predictions"
DAG_MONITOR_DRIFT: Final = "monitor_drift"
DAG_JUDGE: Final = "judge_ab_test"
DAG_ROLLBACK: Final = "rollback_champion"
DAG_SEND_MAIL: Final = "send_mail"
DAG_MONTHLY: Final = "run_monthly_jobs"
DAG_BACK_UP: Final = "back_up"
DAG_RETENTION: Final = "retention"
DAG_WATCH: Final = "watch_pipeline"
DAGS: Final[tuple[str, ...]] = tuple(
    value for name, value in list(globals().items()) if name.startswith("DAG_")
)
"""All of them, in this order."""
POOL_API: Final = "stackexchange_api"
POOL_TRAINING: Final = "training"
QUEUE_DEFAULT: Final = "default"
QUEUE_TRAINING: Final = "training"
QUEUES: Final = (QUEUE_DEFAULT, QUEUE_TRAINING)
"""Queue of Celery's workers; without Celery all tasks run on one machine, and no queue is used."""
EXECUTOR_LOCAL: Final = "LocalExecutor"
"""Also beside Celery, for tasks that need the platform's own disks."""
EXECUTOR_CELERY: Final = "CeleryExecutor"

# PostgreSQL databases of the local stack and of docker-compose
DATABASE_PLATFORM: Final = "tagkeeper"
DATABASE_AIRFLOW: Final = "airflow"
DATABASE_MLFLOW: Final = "mlflow"

# Advisory locks: distinct numbers of this project
LOCK_MIGRATIONS: Final = 7_210_001
LOCK_PROMOTION: Final = 7_210_002
LOCK_STABILITY: Final = 7_210_003

# Candidates, in the order in which tables show them
CANDIDATES: Final = tuple(family.name for family in FAMILIES)
AUTO: Final = "auto"
"""Selects those of the defaults that can learn from the whole window."""
DEFAULT_CANDIDATES: Final = tuple(family.name for family in FAMILIES if family.by_default)
ENCODERS: Final = ("bert", "use")
"""Encoders of texts, `include.candidates.encoders`."""
STUDY_CANDIDATES: Final = ("tfidf", "linear")
"""
What `AUTO` selects in a study: the first that can learn from every question of the window.

``tfidf`` comes near the best F1@5 on every data set tried, in seconds per month, but holds 20,000
questions; ``linear`` has no limit.
"""

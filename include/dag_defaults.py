"""What every task of every DAG has in common. A plain dict: this module knows no Airflow."""

from datetime import timedelta
from typing import Any, Final

from include import names

DEFAULT_ARGS: Final[dict[str, Any]] = {
    "owner": names.PROJECT,
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
}

"""What all DAGs and their tasks have in common: retries, time limits, telling of failures."""

from datetime import timedelta
from typing import Any

from include import names
from include.dag_docs import purpose
from include.timeouts import time_limits
from plugins.failure_callbacks import on_run_failure, on_task_failure


def dag_settings(dag_id: str, doc: str | None, **changes: Any) -> dict[str, Any]:
    """
    Return the arguments of ``@dag`` that every DAG needs.

    Parameters
    ----------
    dag_id : str
        With a row in `include.timeouts.LIMITS`.
    doc : str
        The DAG file's docstring, in Markdown: a heading that says what the DAG does, for Airflow's
        list, and below it what its users should know.
    **changes
        Default arguments of this DAG's tasks that differ from the others'.

    Raises
    ------
    ValueError
        If the docstring does not begin with a heading.
    """
    description = purpose(doc or "")
    limits = time_limits(dag_id)
    tasks = {
        "owner": names.PROJECT,
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
        "execution_timeout": limits.task,
        "on_failure_callback": on_task_failure,
    }
    return {
        "description": description,
        "doc_md": doc,
        "catchup": False,
        "is_paused_upon_creation": False,
        "dagrun_timeout": limits.run,
        "on_failure_callback": on_run_failure,
        "default_args": tasks | changes,
    }

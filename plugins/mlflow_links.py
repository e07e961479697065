"""Operator links from a task to the run or report that it created."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from include import names
from plugins.airflow_private import PYTHON_TASK

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class ReturnValueLink(BaseOperatorLink):
    """
    A link built from a task's return value; hidden while there is none.

    Airflow attaches a plugin's links to a class of operators, here to every ``@task``; ``tasks``
    names those that show the link. The api-server requests the URL when a user views the task.
    """

    operators = [PYTHON_TASK]  # noqa: RUF012  # as Airflow requires
    tasks: ClassVar[frozenset[tuple[str, str]]] = frozenset()

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL, empty if the task is not in ``tasks`` or has returned nothing."""
        if (ti_key.dag_id, ti_key.task_id) not in self.tasks:
            return ""
        return_value = return_value_of(ti_key)
        return self.url(return_value) if return_value else ""

    def url(self, return_value: Any) -> str:
        """Return the URL for what the task returned."""
        raise NotImplementedError


class MlflowRunLink(ReturnValueLink):
    """Links to the MLflow run of a training."""

    name = "MLflow run"
    tasks = frozenset({(names.DAG_TRAIN, "train"), (names.DAG_STABILITY, "study")})

    def url(self, return_value: Any) -> str:
        """Return the run's URL; a task returns one run id, or one for each candidate."""
        from include.settings import Settings

        settings = Settings.from_env()
        run_id = return_value.get("run_id") or next(iter(return_value.values()))
        mlflow = settings.mlflow_page
        return f"{mlflow.rstrip('/')}/#/runs/{run_id}"


class DriftReportLink(ReturnValueLink):
    """Links to the pages of a drift check."""

    name = "Drift report"
    tasks = frozenset(
        {(names.DAG_MONITOR_DRIFT, "pages"), (names.DAG_MONITOR_PREDICTIONS, "pages")}
    )

    def url(self, return_value: Any) -> str:
        """Return the URL that the task `pages` returned."""
        return str(return_value)


def return_value_of(ti_key: TaskInstanceKey) -> Any:
    """Return a task's return value, None if there is none; parsed as JSON, never unpickled."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        row = session.execute(
            XComModel.get_many(
                key="return_value",
                run_id=ti_key.run_id,
                dag_ids=ti_key.dag_id,
                task_ids=ti_key.task_id,
                map_indexes=ti_key.map_index,
            ).with_only_columns(XComModel.value)
        ).first()
    if row is None:
        return None
    return json.loads(row.value) if isinstance(row.value, str) else row.value


class MlflowLinks(AirflowPlugin):
    """Registers the links to runs and reports."""

    name = "tagkeeper_mlflow_links"
    operator_extra_links = [MlflowRunLink(), DriftReportLink()]  # noqa: RUF012  # as Airflow requires

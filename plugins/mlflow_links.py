"""Buttons on a task that lead to what it made in MLflow."""

import json

from airflow.plugins_manager import AirflowPlugin
from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import BaseOperatorLink

from include import names


class ToWhatATaskReturned(BaseOperatorLink):
    """
    A link to what a task returned; no button where there is none.

    Airflow ties a plugin's links to a class of operators, here to every ``@task``: which tasks they
    are for is said by ``tasks``. The api-server asks for the address when somebody looks.
    """

    operators = [_PythonDecoratedOperator]  # noqa: RUF012  # as Airflow wants it
    tasks = frozenset()

    def get_link(self, operator, *, ti_key):
        """Return the address, empty if the task has returned nothing that leads anywhere."""
        if (ti_key.dag_id, ti_key.task_id) not in self.tasks:
            return ""
        returned = returned_by(ti_key)
        return self.address(returned) if returned else ""


class MlflowRun(ToWhatATaskReturned):
    """To the run of a training."""

    name = "MLflow run"
    tasks = frozenset({(names.DAG_TRAIN, "train"), (names.DAG_STABILITY, "study")})

    def address(self, returned):
        """Return the run's address: a task returns its id, or one for each candidate."""
        from include.settings import Settings

        settings = Settings.from_env()
        run_id = returned.get("run_id") or next(iter(returned.values()))
        mlflow = settings.mlflow_url or settings.require_mlflow_uri()
        return f"{mlflow.rstrip('/')}/#/runs/{run_id}"


class DriftReport(ToWhatATaskReturned):
    """To the pages of a drift check."""

    name = "Drift report"
    tasks = frozenset(
        {(names.DAG_MONITOR_DRIFT, "pages"), (names.DAG_MONITOR_PREDICTIONS, "pages")}
    )

    def address(self, returned):
        """Return what `pages` returned: an address."""
        return returned


def returned_by(ti_key):
    """Return what a task returned, None if nothing; read as JSON, never as objects."""
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
    """Links to runs and reports."""

    name = "tagkeeper_mlflow_links"
    operator_extra_links = [MlflowRun(), DriftReport()]  # noqa: RUF012  # as Airflow wants it

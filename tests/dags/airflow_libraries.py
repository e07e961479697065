"""
Imports what the tests' Airflow commands import from libraries: their processes are forks of one that has.

Nothing of the project's DAGs and jobs is imported here, as they read the environment of a command.
"""

import importlib
import os
import warnings

from include.local_stack.scheduler import LIBRARIES
from tests.dags.airflow_command import LEVEL

os.environ |= LEVEL  # read when Airflow is first imported
warnings.simplefilter("ignore")

for _name in (
    "airflow.__main__",
    "airflow.api_fastapi.execution_api.app",
    "airflow.cli.commands.dag_command",
    "airflow.dag_processing.dagbag",
    "airflow.providers.smtp.hooks.smtp",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "sklearn.linear_model",
    *LIBRARIES,
):
    importlib.import_module(_name)

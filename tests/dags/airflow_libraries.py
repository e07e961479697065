"""
Imports and builds what the tests' Airflow commands need of libraries: their processes are forks of one that has.

Nothing of the project's DAGs and jobs is imported here, as they read the environment of a command.
"""

import asyncio
import gc
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
    *LIBRARIES,
):
    importlib.import_module(_name)


async def _ask_for_health() -> None:
    """Make the API to which `dags test` sends its tasks' states answer once: it builds its routes then."""
    import httpx
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    # In this thread and without the database: neither threads nor connections survive a fork
    api = httpx.ASGITransport(in_process_api_server().app)
    async with httpx.AsyncClient(transport=api, base_url="http://in-process.invalid") as client:
        (await client.get("/health")).raise_for_status()


def _map_models() -> None:
    """Let SQLAlchemy work out the relations of Airflow's models, which the first query would do."""
    from airflow.models import import_all_models
    from sqlalchemy.orm import configure_mappers

    import_all_models()
    configure_mappers()


_map_models()
asyncio.run(_ask_for_health())
gc.freeze()  # a command's garbage collections need not look through all this again

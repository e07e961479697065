"""The environment of every process of the platform, the same locally and in containers."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from include import names
from include.local_stack.credentials import AIRFLOW_USER, Credentials
from include.local_stack.layout import StackLayout

MARKER = "TAGKEEPER_STACK"
SMTP_CONNECTION = "AIRFLOW_CONN_SMTP_DEFAULT"


@dataclass(frozen=True)
class Databases:
    """SQLAlchemy URLs of the three databases."""

    platform: str
    airflow: str
    mlflow: str


@dataclass(frozen=True)
class SiteApi:
    """
    The Stack Exchange API that the stack uses.

    Parameters
    ----------
    site : str
        The API's name of the site.
    api_url : str
        Root of the Stack Exchange API, real or sandbox.
    """

    site: str
    api_url: str


def embedded_databases(layout: StackLayout, password: str) -> Databases:
    """Return the URLs on the embedded PostgreSQL server, with the user ``postgres``."""
    server = f"postgresql+psycopg2://postgres:{password}@{layout.address('postgres')}"
    return Databases(
        platform=f"{server}/{names.DATABASE_PLATFORM}",
        airflow=f"{server}/{names.DATABASE_AIRFLOW}",
        mlflow=f"{server}/{names.DATABASE_MLFLOW}",
    )


def platform_environment(
    layout: StackLayout, databases: Databases, credentials: Credentials, site_api: SiteApi
) -> dict[str, str]:
    """Return what `include.settings` reads, and what people need to reach the platform."""
    return {
        "LOCAL_DIR": str(layout.local),
        "PYTHONPATH": str(layout.root),
        "DATABASE_URL": databases.platform,
        "MLFLOW_TRACKING_URI": layout.url("mlflow"),
        "MLFLOW_URL": layout.public_url("mlflow"),
        "AIRFLOW_URL": layout.public_url("airflow"),
        "AIRFLOW_API_URL": layout.url("airflow"),
        "AIRFLOW_USER": AIRFLOW_USER,
        "AIRFLOW_PASSWORD": credentials.airflow_password,
        "EVIDENTLY_URL": layout.public_url("evidently"),
        "SERVICE_URL": layout.url("service"),
        "SERVICE_PUBLIC_URL": layout.public_url("service"),
        "SERVICE_HOST": layout.listen,
        "SERVICE_PORT": str(layout.ports["service"]),
        **({"SERVICE_API_KEYS_FILE": str(layout.service_keys)} if layout.service_keys else {}),
        "STACKEXCHANGE_API_URL": site_api.api_url,
        "SITE": site_api.site,
        "SMTP_HOST": layout.host("mail"),
        "SMTP_PORT": str(layout.ports["mail"]),
        # Airflow, MLflow and Evidently send telemetry unless it is disabled
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def mlflow_environment(layout: StackLayout, databases: Databases) -> dict[str, str]:
    """Return the MLflow server's settings, so that no process list shows a password."""
    return {
        "MLFLOW_BACKEND_STORE_URI": databases.mlflow,
        "MLFLOW_ARTIFACTS_DESTINATION": str(layout.mlflow_artifacts),
        # Nine idle job runners for features that the platform does not use take 1.4 GB
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Other Host headers get 403, also its own name in a container
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(
            f"{host}:{layout.ports['mlflow']}"
            for host in dict.fromkeys((layout.host("mlflow"), "localhost", "127.0.0.1"))
        ),
    }


def airflow_environment(
    layout: StackLayout,
    databases: Databases,
    credentials: Credentials,
    parallelism: int,
    training_threads: str,
) -> dict[str, str]:
    """
    Return Airflow's settings.

    Parameters
    ----------
    parallelism : int
        Tasks that run at once; the LocalExecutor keeps that many workers, each with its memory.
    training_threads : str
        Threads of linear algebra of each task.
    """
    connection = {
        "conn_type": "smtp",
        "host": layout.host("mail"),
        "port": layout.ports["mail"],
        "extra": {"disable_ssl": True, "disable_tls": True, "timeout": 10, "retry_limit": 1},
    }
    settings = {
        ("core", "dags_folder"): str(layout.root / "dags"),
        ("core", "plugins_folder"): str(layout.root / "plugins"),
        ("core", "load_examples"): "False",
        ("core", "executor"): "LocalExecutor",
        ("core", "parallelism"): str(parallelism),
        ("core", "max_active_tasks_per_dag"): str(parallelism),
        ("core", "dags_are_paused_at_creation"): "False",
        ("core", "execution_api_server_url"): f"{layout.url('airflow')}/execution/",
        ("core", "simple_auth_manager_users"): f"{AIRFLOW_USER}:admin",
        ("core", "simple_auth_manager_passwords_file"): str(layout.passwords_file),
        ("core", "fernet_key"): credentials.airflow_fernet_key,
        ("core", "hostname_callable"): "socket.gethostname",
        ("core", "min_serialized_dag_update_interval"): "5",
        ("database", "sql_alchemy_conn"): databases.airflow,
        ("logging", "base_log_folder"): str(layout.airflow_home / "logs"),
        ("api", "base_url"): layout.public_url("airflow"),
        ("api", "secret_key"): credentials.airflow_api_secret_key,
        ("api_auth", "jwt_secret"): credentials.airflow_jwt_secret,
        ("scheduler", "scheduler_heartbeat_sec"): "5",
        # Airflow notices the end of a task up to this long after its process has ended; until then
        # the task holds its place
        ("workers", "min_heartbeat_interval"): "2",
        ("scheduler", "catchup_by_default"): "False",
        # Files are looked for every half minute, changed ones parsed at once, others rarely: each
        # parse is a process. One at a time is enough for few files
        ("dag_processor", "refresh_interval"): "30",
        ("dag_processor", "min_file_process_interval"): "600",
        ("dag_processor", "parsing_processes"): "1",
        ("usage_data_collection", "enabled"): "False",
    }
    return {
        "AIRFLOW_HOME": str(layout.airflow_home),
        # For backups: Airflow hides the variable of its own from tasks
        "AIRFLOW_DATABASE_URL": databases.airflow,
        # Used only while the user has no connection smtp_default, in the environment or in the UI
        "AIRFLOW_CONN_MAIL_SINK": json.dumps(connection),
        # The pool's slots share the cores. Two trainings on two cores, with two threads of linear
        # algebra each, take seven times as long: the threads spin while they wait for each other
        "OPENBLAS_NUM_THREADS": training_threads,
        **{
            f"AIRFLOW__{section.upper()}__{name.upper()}": value
            for (section, name), value in settings.items()
        },
    }


def stack_environment(
    layout: StackLayout,
    databases: Databases,
    credentials: Credentials,
    site_api: SiteApi,
    parallelism: int,
    training_threads: str,
) -> dict[str, str]:
    """Return the environment that a stack adds to the one that it was started in."""
    return {
        **platform_environment(layout, databases, credentials, site_api),
        **mlflow_environment(layout, databases),
        **airflow_environment(layout, databases, credentials, parallelism, training_threads),
    }


def process_environment(stack: Mapping[str, str], layout: StackLayout) -> dict[str, str]:
    """
    Return the full environment of a local process: the user's, the stack's and the marker.

    The marker is the stack's folder, by which `down` finds exactly its own processes, also if
    their parents are gone.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Settings of another Airflow on this machine must not apply; where mails go is the user's
        if name == SMTP_CONNECTION
        or not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_"))
    }
    programs = os.path.dirname(sys.executable)
    return {
        **inherited,
        **stack,
        "PATH": f"{programs}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        MARKER: str(layout.local),
    }

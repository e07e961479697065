"""The environment of every process of the platform, the same locally and in containers."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from include import names
from include.local_stack.credentials import AIRFLOW_USER, Credentials
from include.local_stack.place import Place

MARKER = "TAGKEEPER_STACK"


@dataclass(frozen=True)
class Databases:
    """SQLAlchemy URLs of the three databases."""

    platform: str
    airflow: str
    mlflow: str


@dataclass(frozen=True)
class Questions:
    """
    Where the questions come from.

    Parameters
    ----------
    site : str
        The API's name of the site.
    api_url : str
        Root of the Stack Exchange API, real or sandbox.
    """

    site: str
    api_url: str


def own_databases(place: Place, password: str) -> Databases:
    """Return the URLs on the platform's own PostgreSQL server, where ``postgres`` logs in."""
    server = f"postgresql+psycopg2://postgres:{password}@{place.address('postgres')}"
    return Databases(
        platform=f"{server}/{names.DATABASE_PLATFORM}",
        airflow=f"{server}/{names.DATABASE_AIRFLOW}",
        mlflow=f"{server}/{names.DATABASE_MLFLOW}",
    )


def platform_environment(
    place: Place, databases: Databases, credentials: Credentials, questions: Questions
) -> dict[str, str]:
    """Return what `include.settings` reads, and what people need to reach the platform."""
    return {
        "LOCAL_DIR": str(place.local),
        "PYTHONPATH": str(place.root),
        "DATABASE_URL": databases.platform,
        "MLFLOW_TRACKING_URI": place.url("mlflow"),
        "MLFLOW_URL": place.public_url("mlflow"),
        "AIRFLOW_URL": place.public_url("airflow"),
        "AIRFLOW_USER": AIRFLOW_USER,
        "AIRFLOW_PASSWORD": credentials.airflow_password,
        "EVIDENTLY_URL": place.public_url("evidently"),
        "SERVICE_URL": place.url("service"),
        "SERVICE_HOST": place.listen,
        "SERVICE_PORT": str(place.ports["service"]),
        **({"SERVICE_API_KEYS_FILE": str(place.service_keys)} if place.service_keys else {}),
        "STACKEXCHANGE_API_URL": questions.api_url,
        "SITE": questions.site,
        "SMTP_HOST": place.host("mail"),
        "SMTP_PORT": str(place.ports["mail"]),
        # Airflow, MLflow and Evidently all report home unless told not to
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def mlflow_environment(place: Place, databases: Databases) -> dict[str, str]:
    """Return the MLflow server's settings; the password stays out of the list of processes."""
    return {
        "MLFLOW_BACKEND_STORE_URI": databases.mlflow,
        "MLFLOW_ARTIFACTS_DESTINATION": str(place.mlflow_artifacts),
        # Nine idle job runners for features that we do not use take 1.4 GB
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # 403 for every other Host header, also for its own name in a container
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(
            f"{host}:{place.ports['mlflow']}"
            for host in dict.fromkeys((place.host("mlflow"), "localhost", "127.0.0.1"))
        ),
    }


def airflow_environment(
    place: Place, databases: Databases, credentials: Credentials, parallelism: int
) -> dict[str, str]:
    """
    Return Airflow's settings.

    Parameters
    ----------
    parallelism : int
        Tasks that run at once; the LocalExecutor keeps that many workers, each with its memory.
    """
    connection = {
        "conn_type": "smtp",
        "host": place.host("mail"),
        "port": place.ports["mail"],
        "extra": {"disable_ssl": True, "disable_tls": True, "timeout": 10, "retry_limit": 1},
    }
    settings = {
        ("core", "dags_folder"): str(place.root / "dags"),
        ("core", "plugins_folder"): str(place.root / "plugins"),
        ("core", "load_examples"): "False",
        ("core", "executor"): "LocalExecutor",
        ("core", "parallelism"): str(parallelism),
        ("core", "max_active_tasks_per_dag"): str(parallelism),
        ("core", "dags_are_paused_at_creation"): "False",
        ("core", "execution_api_server_url"): f"{place.url('airflow')}/execution/",
        ("core", "simple_auth_manager_users"): f"{AIRFLOW_USER}:admin",
        ("core", "simple_auth_manager_passwords_file"): str(place.passwords_file),
        ("core", "fernet_key"): credentials.airflow_fernet_key,
        ("core", "hostname_callable"): "socket.gethostname",
        ("core", "min_serialized_dag_update_interval"): "5",
        ("database", "sql_alchemy_conn"): databases.airflow,
        ("logging", "base_log_folder"): str(place.airflow_home / "logs"),
        ("api", "base_url"): place.public_url("airflow"),
        ("api", "secret_key"): credentials.airflow_api_secret_key,
        ("api_auth", "jwt_secret"): credentials.airflow_jwt_secret,
        # A task's start waits for the scheduler's next look: look often, it costs little
        ("scheduler", "scheduler_idle_sleep_time"): "0.3",
        ("scheduler", "scheduler_heartbeat_sec"): "2",
        ("scheduler", "catchup_by_default"): "False",
        # A changed DAG file is seen within seconds; few processes parse few files
        ("dag_processor", "refresh_interval"): "30",
        ("dag_processor", "min_file_process_interval"): "20",
        ("dag_processor", "parsing_processes"): "1",
        ("usage_data_collection", "enabled"): "False",
    }
    return {
        "AIRFLOW_HOME": str(place.airflow_home),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection),
        # The pool gives each training a core. Two that share two cores with two threads of linear
        # algebra each take seven times as long: the threads wait for each other, spinning
        "OPENBLAS_NUM_THREADS": "1",
        **{
            f"AIRFLOW__{section.upper()}__{name.upper()}": value
            for (section, name), value in settings.items()
        },
    }


def stack_environment(
    place: Place,
    databases: Databases,
    credentials: Credentials,
    questions: Questions,
    parallelism: int,
) -> dict[str, str]:
    """Return the whole environment that a stack adds to the one it was started in."""
    return {
        **platform_environment(place, databases, credentials, questions),
        **mlflow_environment(place, databases),
        **airflow_environment(place, databases, credentials, parallelism),
    }


def process_environment(stack: Mapping[str, str], place: Place) -> dict[str, str]:
    """
    Return the full environment of a local process: the user's, then the stack's, then the mark.

    The mark names the stack's folder, so that `down` recognises its own processes whatever became
    of their parents, and nobody else's.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Settings of another Airflow on this machine would reach into ours
        if not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_"))
    }
    programs = os.path.dirname(sys.executable)
    return {
        **inherited,
        **stack,
        "PATH": f"{programs}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        MARKER: str(place.local),
    }

"""
What ``CELERY_WORKERS=2`` adds to a stack: Redis, and Celery workers that share no disk.

Each local worker stands for a machine: it has a folder and a loopback address of its own, and gets
no address of Airflow's and MLflow's databases. What it makes leaves it by network: task logs by its
log server, models by MLflow's server, drift reports by Evidently's, rows by PostgreSQL.
"""

import shutil
import socket
from typing import Final

from include import names
from include.capacity import TrainingCapacity
from include.errors import FixSettingsError
from include.local_stack.credentials import Credentials, write_private
from include.local_stack.layout import StackLayout, worker_name
from include.local_stack.private_folders import make_private
from include.local_stack.processes import Process
from include.timeouts import LIMITS, time_limits

HOW_TO_GET_REDIS: Final = (
    "CELERY_WORKERS needs redis-server: install it with `apt-get install redis-server` (Debian, "
    "Ubuntu; then stop the service that it starts) or `brew install redis`, so that it is on PATH"
)
AIRFLOW_ONLY: Final = (
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW_DATABASE_URL",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
)
"""Secrets of Airflow's own processes: workers get connections and tokens from its api-server."""
NOT_FOR_WORKERS: Final = (
    *AIRFLOW_ONLY,
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_ARTIFACTS_DESTINATION",
)
"""Variables of the platform's own machine."""
BROKER_URL: Final = "AIRFLOW__CELERY__BROKER_URL"
FOR_WORKERS: Final = (
    BROKER_URL,
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "EVIDENTLY_API_URL",
    "EVIDENTLY_SECRET",
)
"""What the scheduler and workers need, and no other part of Airflow."""
_STOP_S: Final = 15


def find_redis() -> str:
    """
    Return the path of redis-server.

    Raises
    ------
    FixSettingsError
        If it is not installed, with how to get it.
    """
    path = shutil.which("redis-server")
    if path is None:
        raise FixSettingsError(HOW_TO_GET_REDIS)
    return path


def require_addresses(layout: StackLayout, celery_workers: int) -> None:
    """
    Check that this machine has the loopback address of every worker.

    Raises
    ------
    FixSettingsError
        If one is missing, as on macOS by default.
    """
    for host in (layout.host(worker_name(n)) for n in range(1, celery_workers + 1)):
        with socket.socket() as listener:
            try:
                listener.bind((host, 0))
            except OSError as error:
                raise FixSettingsError(
                    f"a worker needs the loopback address {host}: {error}; on macOS add it with "
                    f"`sudo ifconfig lo0 alias {host}`"
                ) from None


def celery_environment(
    layout: StackLayout,
    credentials: Credentials,
    *,
    concurrency: str,
    heartbeat_timeout_s: str,
    visibility_timeout_s: str,
) -> dict[str, str]:
    """
    Return the variables with which Airflow hands tasks to Celery, and workers reach the rest.

    Parameters
    ----------
    layout : StackLayout
        Its ports include `CELERY_PORTS`.
    credentials : Credentials
    concurrency : str
        Tasks that a worker runs at once.
    heartbeat_timeout_s : str
        Seconds without a sign of life after which Airflow counts a task as lost.
    visibility_timeout_s : str
        As `visibility_timeout_s` returns it.
    """
    broker = f"redis://:{credentials.redis_password}@{layout.address('redis')}"
    return {
        # Tasks that need the platform's disks name the second one
        "AIRFLOW__CORE__EXECUTOR": f"{names.EXECUTOR_CELERY},{names.EXECUTOR_LOCAL}",
        BROKER_URL: f"{broker}/0",
        # Not Airflow's database: workers need no login to it
        "AIRFLOW__CELERY__RESULT_BACKEND": f"{broker}/1",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": concurrency,
        "AIRFLOW__CELERY__OPERATION_TIMEOUT": "10",  # seconds; 1 is too short for a busy machine
        "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": visibility_timeout_s,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(layout.ports["worker-logs"]),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": heartbeat_timeout_s,
        # A worker that dies between taking a task and beginning it leaves it queued: Airflow hands
        # it out again, however often, since a task may also wait for a busy worker's slot
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": heartbeat_timeout_s,
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",  # seconds
        "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "1000",
        "EVIDENTLY_API_URL": layout.url("evidently"),
        "EVIDENTLY_SECRET": credentials.evidently_secret,
    }


def visibility_timeout_s() -> int:
    """Return the seconds after which Celery hands out a task again that nobody has confirmed."""
    return int(2 * max(time_limits(dag_id).task for dag_id in LIMITS).total_seconds())


def configure_redis(layout: StackLayout, password: str) -> None:
    """Write Redis' configuration, so that no process list shows its password."""
    make_private(layout.redis)
    settings = {
        "bind": layout.listen,
        "port": layout.ports["redis"],
        "requirepass": password,
        "dir": layout.redis,
        # Tasks that wait outlive a restart of Redis
        "appendonly": "yes",
        "save": '""',
    }
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    write_private(layout.redis / "redis.conf", "".join(lines))


def celery_processes(
    layout: StackLayout, redis: str, celery_workers: int, capacity: TrainingCapacity
) -> tuple[Process, ...]:
    """
    Return Redis, and each worker with its log server.

    Parameters
    ----------
    layout : StackLayout
        Its ports include `CELERY_PORTS`.
    redis : str
        Path of redis-server.
    celery_workers : int
        >= 1.
    capacity : TrainingCapacity
        Of the machine, which the workers share.
    """
    broker = Process("redis", (redis, str(layout.redis / "redis.conf")), server="redis")
    workers = [
        process
        for number in range(1, celery_workers + 1)
        for process in _worker(layout, worker_name(number), capacity.memory_mb // celery_workers)
    ]
    return (broker, *workers)


def _worker(layout: StackLayout, name: str, memory_mb: int) -> tuple[Process, Process]:
    folder = layout.worker_folder(name)
    own = {
        "LOCAL_DIR": folder,
        "AIRFLOW_HOME": folder / "airflow",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": folder / "airflow" / "logs",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "include.local_stack.worker.own_address",
        "WORKER_ADDRESS": layout.host(name),
        "TRAINING_MEMORY_MB": max(256, memory_mb),
    }
    environment = (
        "env",
        *(word for variable in NOT_FOR_WORKERS for word in ("-u", variable)),
        *(f"{variable}={value}" for variable, value in own.items()),
    )
    server = "airflow.utils.serve_logs.log_server:get_app"
    listen = ("--host", layout.host(name), "--port", str(layout.ports[name]))
    return (
        Process(
            name,
            # Airflow's own log server would listen on every address
            (*environment, *worker_command(), "--skip-serve-logs", "--celery-hostname", name),
            celery_node=f"celery@{name}",
            needs_schema=True,
            depends_on="airflow-api-server",
            stop_timeout_s=_STOP_S,
        ),
        Process(
            f"{name}-logs",
            (*environment, "python", "-m", "uvicorn", "--factory", server, *listen),
            server=name,
            needs_schema=True,
        ),
    )


def worker_command() -> tuple[str, ...]:
    """Return the command of a worker that takes tasks from every queue."""
    return ("python", "-m", "include.local_stack.worker", "--queues", ",".join(names.QUEUES))


def container_processes(layout: StackLayout) -> tuple[Process, ...]:
    """Return Redis and a worker, as docker-compose.yaml runs them: a container is a machine."""
    node = f"celery@{socket.gethostname()}"
    return (
        Process("redis", ("sh", "/redis.sh"), server="redis"),
        Process(
            "airflow-worker",
            worker_command(),
            celery_node=node,
            needs_schema=True,
            depends_on="airflow-api-server",
            stop_timeout_s=_STOP_S,
        ),
    )


def make_worker_folders(layout: StackLayout, celery_workers: int) -> None:
    """Make the folders that workers need, and close them to other users."""
    for number in range(1, celery_workers + 1):
        folder = layout.worker_folder(worker_name(number))
        make_private(folder.parent)
        make_private(folder)
        make_private(folder / "airflow")
        make_private(folder / "airflow" / "logs")


def answers(broker_url: str, node: str) -> bool:
    """Return whether a worker answers by the broker."""
    from celery import Celery
    from kombu.exceptions import OperationalError

    client = Celery(broker=broker_url, set_as_current=False)
    try:
        return bool(client.control.ping([node], timeout=2.0))
    except OperationalError:
        return False
    finally:
        client.close()

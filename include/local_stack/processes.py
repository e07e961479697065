"""The command of every process of the platform; docker-compose.yaml runs the same commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from include.capacity import postgres_memory, this_machine
from include.local_stack.layout import StackLayout


@dataclass(frozen=True)
class Process:
    """
    A long-running process.

    Parameters
    ----------
    name : str
        Its name in the supervisor, the logs and `status`.
    command : tuple of str
        Program, found on PATH or with its full path, and arguments.
    server : str or None
        The key of its port in `StackLayout.ports`; None if it does not listen.
    health_path : str or None
        HTTP path with a status below 400 when it is healthy; None to check for a connection.
    depends_on : str or None
        Process that must be healthy before this one starts.
    heartbeat : str or None
        Its name in the response of Airflow's health endpoint, for a process that does not listen.
    celery_node : str or None
        Its name among Celery's workers, under which it answers by the broker.
    needs_schema : bool
        True if its database must have been migrated before it starts.
    stop_signal : str
        Signal that stops it.
    stop_timeout_s : int
        Seconds after which it is killed if it has not stopped.
    """

    name: str
    command: tuple[str, ...]
    server: str | None = None
    health_path: str | None = None
    heartbeat: str | None = None
    celery_node: str | None = None
    depends_on: str | None = None
    needs_schema: bool = False
    stop_signal: str = "TERM"
    stop_timeout_s: int = 6


def processes(layout: StackLayout, sandbox_arguments: Sequence[str] | None) -> tuple[Process, ...]:
    """
    Return the platform's processes without PostgreSQL.

    Parameters
    ----------
    layout : StackLayout
        Their addresses and folders.
    sandbox_arguments : sequence of str or None
        Arguments of the sandbox site; None to use the real API without it.
    """
    sandbox = (
        ()
        if sandbox_arguments is None
        else (
            Process(
                "sandbox",
                (
                    *("python", "-m", "include.cli", "sandbox", *_listen(layout, "sandbox")),
                    *sandbox_arguments,
                ),
                server="sandbox",
            ),
        )
    )
    return (
        *sandbox,
        Process(
            "mail",
            (
                *("python", "-m", "include.cli", "mail-sink", *_listen(layout, "mail")),
                *("--folder", str(layout.mail)),
            ),
            server="mail",
        ),
        Process(
            "mlflow",
            ("mlflow", "server", *_listen(layout, "mlflow"), "--workers", "1"),
            server="mlflow",
            health_path="/health",
        ),
        Process(
            "airflow-api-server",
            ("airflow", "api-server", *_listen(layout, "airflow"), "--workers", "1"),
            server="airflow",
            health_path="/api/v2/version",
            needs_schema=True,
        ),
        # Task logs are read from the shared folder; log servers would listen on every address
        Process(
            "airflow-scheduler",
            ("python", "-m", "include.local_stack.scheduler", "--skip-serve-logs"),
            heartbeat="scheduler",
            needs_schema=True,
            depends_on="airflow-api-server",  # a task fails if it cannot reach it at its start
            stop_timeout_s=15,
        ),
        Process(
            "airflow-dag-processor",
            ("airflow", "dag-processor"),
            heartbeat="dag_processor",
            needs_schema=True,
        ),
        Process(
            "airflow-triggerer",
            ("airflow", "triggerer", "--skip-serve-logs"),
            heartbeat="triggerer",
            needs_schema=True,
        ),
        Process(
            "service",
            ("gunicorn", "-c", "serving/gunicorn_conf.py", "serving:create_app()"),
            server="service",
            health_path="/healthz",
            needs_schema=True,
            stop_timeout_s=15,
        ),
        Process(
            "evidently",
            (
                *("python", "-m", "include.cli", "evidently-ui", *_listen(layout, "evidently")),
                *("--workspace", str(layout.evidently), "--hosts", layout.host("evidently")),
            ),
            server="evidently",
            health_path="/",
        ),
    )


def _listen(layout: StackLayout, server: str) -> tuple[str, ...]:
    return ("--host", layout.listen, "--port", str(layout.ports[server]))


def postgres_process(binaries: Path, data: Path, layout: StackLayout) -> Process:
    """Return the embedded PostgreSQL server, reached only over loopback with a password."""
    options = ("-D", str(data), "-h", layout.listen, "-p", str(layout.ports["postgres"]), "-k", "")
    tuned = {"max_connections": "200", **postgres_memory(this_machine().memory_mb)}
    tuning = tuple(word for name, value in tuned.items() for word in ("-c", f"{name}={value}"))
    return Process(
        "postgres",
        (str(binaries / "postgres"), *options, *tuning),
        server="postgres",
        stop_signal="INT",  # ends sessions and writes a checkpoint; TERM waits for clients
        stop_timeout_s=30,
    )


def setup_commands(layout: StackLayout) -> dict[str, tuple[str, ...]]:
    """Return the commands that migrate the databases, and make Airflow's pools, by database."""
    tagkeeper = ("python", "-m", "include.cli")
    return {
        "platform": (*tagkeeper, "migrate"),
        "airflow": (*tagkeeper, "prepare-airflow", "--airflow-home", str(layout.airflow_home)),
    }

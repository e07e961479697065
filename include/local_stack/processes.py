"""The command of every process of the platform, once; docker-compose.yaml runs the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from include.local_stack.place import Place

POOLS_FILE = "include/local_stack/pools.json"


@dataclass(frozen=True)
class Process:
    """
    A long-running process.

    Parameters
    ----------
    name : str
        What the supervisor, the logs and `status` call it.
    command : tuple of str
        Program, found on PATH or with its full path, and arguments.
    server : str or None
        The key of its port in `Place.ports`; None if it does not listen.
    path : str or None
        HTTP path that answers below 400 when it is well; None for a plain connection.
    after : str or None
        Process that must be well before this one starts.
    heartbeat : str or None
        Its name in Airflow's health answer, for a process that does not listen.
    needs_schema : bool
        True if its database must have been migrated before it starts.
    stop_signal : str
        Signal that asks it to end.
    stop_s : int
        Seconds until it is killed if it has not ended.
    """

    name: str
    command: tuple[str, ...]
    server: str | None = None
    path: str | None = None
    heartbeat: str | None = None
    after: str | None = None
    needs_schema: bool = False
    stop_signal: str = "TERM"
    stop_s: int = 6


def processes(place: Place, sandbox_arguments: Sequence[str] | None) -> tuple[Process, ...]:
    """
    Return the platform's processes, all but PostgreSQL.

    Parameters
    ----------
    place : Place
        Where they listen and keep their files.
    sandbox_arguments : sequence of str or None
        What the sandbox site serves; None for none, with the real API.
    """
    sandbox = (
        ()
        if sandbox_arguments is None
        else (
            Process(
                "sandbox",
                (
                    *("python", "-m", "include.sandbox.site", *_listen(place, "sandbox")),
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
                *("python", "-m", "include.local_stack.mail_sink", *_listen(place, "mail")),
                *("--folder", str(place.mail)),
            ),
            server="mail",
        ),
        Process(
            "mlflow",
            ("mlflow", "server", *_listen(place, "mlflow"), "--workers", "1"),
            server="mlflow",
            path="/health",
        ),
        Process(
            "airflow-api-server",
            ("airflow", "api-server", *_listen(place, "airflow"), "--workers", "1"),
            server="airflow",
            path="/api/v2/version",
            needs_schema=True,
        ),
        # Task logs are read from the shared folder; the log servers would listen on every address
        Process(
            "airflow-scheduler",
            ("airflow", "scheduler", "--skip-serve-logs"),
            heartbeat="scheduler",
            needs_schema=True,
            after="airflow-api-server",  # a task that cannot reach it when it starts fails
            stop_s=15,
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
            path="/healthz",
            needs_schema=True,
            stop_s=15,
        ),
        Process(
            "evidently",
            ("evidently", "ui", "--workspace", str(place.evidently), *_listen(place, "evidently")),
            server="evidently",
            path="/",
        ),
    )


def _listen(place: Place, server: str) -> tuple[str, ...]:
    return ("--host", place.listen, "--port", str(place.ports[server]))


def postgres_process(binaries: Path, data: Path, place: Place) -> Process:
    """Return the embedded PostgreSQL server, reached over loopback with a password only."""
    options = ("-D", str(data), "-h", place.listen, "-p", str(place.ports["postgres"]), "-k", "")
    tuning = ("-c", "max_connections=200", "-c", "shared_buffers=128MB")
    return Process(
        "postgres",
        (str(binaries / "postgres"), *options, *tuning),
        server="postgres",
        stop_signal="INT",  # ends sessions and writes a checkpoint; TERM would wait for clients
        stop_s=30,
    )


def migration_commands() -> dict[str, tuple[str, ...]]:
    """Return the commands that bring each database to its newest schema, by what they migrate."""
    return {
        "platform": ("python", "-m", "include.store.migrations"),
        "airflow": ("airflow", "db", "migrate"),
    }


def pools_command(place: Place) -> tuple[str, ...]:
    """Return the command that creates Airflow's pools, or sets them to what the file says."""
    return ("airflow", "pools", "import", str(place.root / POOLS_FILE))

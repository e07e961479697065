"""
Addresses and folders of the platform's processes: on this machine, or in containers.

The commands (`processes.py`) and the environment (`environment.py`) are functions of a
`StackLayout`, so that the local stack and docker-compose.yaml run the same processes; a test
compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LOOPBACK: Final = "127.0.0.1"

# Default ports; the local stack uses others if these are taken.
PORTS: Final[Mapping[str, int]] = {
    "postgres": 5432,
    "mlflow": 5000,
    "airflow": 8080,
    "service": 8000,
    "evidently": 8085,
    "sandbox": 8070,
    "mail": 8025,
}

WATCH_PORTS: Final[Mapping[str, int]] = {"exporter": 9108, "prometheus": 9090, "alertmanager": 9093}
"""Default ports of the watching programs; the exporter's is free in Prometheus' list as of 2026."""

CELERY_PORTS: Final[Mapping[str, int]] = {"redis": 6379, "worker-logs": 8793}
"""Ports of Celery's broker, and of the log server that each worker has on its own address."""


@dataclass(frozen=True)
class StackLayout:
    """
    Addresses and folders of one installation.

    Parameters
    ----------
    root : Path
        The repository.
    local : Path
        Folder of all files that the processes write; absolute.
    listen : str
        Address that servers bind to.
    hosts : mapping of str to str
        Host name of each server; loopback for those not named.
    ports : mapping of str to int
        Port of each server, keys as in ``PORTS``.
    service_keys : Path or None
        File of the service's API keys; needed if it listens beyond loopback.
    """

    root: Path
    local: Path
    listen: str
    hosts: Mapping[str, str]
    ports: Mapping[str, int]
    service_keys: Path | None = None

    def host(self, server: str) -> str:
        """Return the host name of ``server``."""
        return self.hosts.get(server, LOOPBACK)

    def address(self, server: str) -> str:
        """Return ``host:port`` of ``server``."""
        return f"{self.host(server)}:{self.ports[server]}"

    def url(self, server: str) -> str:
        """Return the HTTP root of ``server`` for other processes, without a trailing slash."""
        return f"http://{self.address(server)}"

    def public_url(self, server: str) -> str:
        """Return the HTTP root of ``server`` for people on this machine."""
        return f"http://{LOOPBACK}:{self.ports[server]}"

    @property
    def logs(self) -> Path:
        """Folder of one log file per process."""
        return self.local / "logs"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder, with its task logs."""
        return self.local / "airflow"

    @property
    def passwords_file(self) -> Path:
        """File from which Airflow's SimpleAuthManager reads its logins."""
        return self.airflow_home / "passwords.json"

    @property
    def mail(self) -> Path:
        """Folder of received messages, one .eml file each."""
        return self.local / "mail"

    def worker_folder(self, worker: str) -> Path:
        """Return the folder of all that a local Celery worker writes, shared with no other."""
        return self.local / "workers" / worker

    @property
    def redis(self) -> Path:
        """Folder of Redis, with its configuration."""
        return self.local / "redis"

    @property
    def evidently(self) -> Path:
        """Evidently's workspace."""
        return self.local / "evidently"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder of the artifacts that the MLflow server stores."""
        return self.local / "mlflow"


def worker_name(number: int) -> str:
    """Return the name of a local Celery worker, counted from 1."""
    return f"airflow-worker-{number}"


def local_layout(local: Path, ports: Mapping[str, int], celery_workers: int = 0) -> StackLayout:
    """
    Return the layout of a stack on this machine that keeps its state under ``local``.

    Parameters
    ----------
    local : Path
    ports : mapping of str to int
    celery_workers : int
        Each has a loopback address of its own: Airflow expects all their log servers on one port.
    """
    workers = {worker_name(n): f"127.0.0.{1 + n}" for n in range(1, celery_workers + 1)}
    return StackLayout(
        root=ROOT,
        local=local.resolve(),
        listen=LOOPBACK,
        hosts=workers,
        ports={**ports, **dict.fromkeys(workers, ports.get("worker-logs", 0))},
    )


def container_layout() -> StackLayout:
    """Return the layout of docker-compose.yaml: every server under its container's name."""
    data = Path("/data")
    ports = {**PORTS, **WATCH_PORTS, **CELERY_PORTS}
    return StackLayout(
        root=Path("/app"),
        local=data,
        listen="0.0.0.0",  # noqa: S104 - inside a container; compose publishes on loopback only
        hosts={name: name for name in ports}
        | {"airflow": "airflow-api-server", "worker-logs": "airflow-worker"},
        ports=ports,
        service_keys=data / "service-api-keys",
    )

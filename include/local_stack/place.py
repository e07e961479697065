"""
Where the platform's processes listen and keep their files: on this machine, or in containers.

The commands (`processes.py`) and the environment (`environment.py`) are functions of a `Place`, so
that the local stack and docker-compose.yaml run the same things; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LOOPBACK: Final = "127.0.0.1"

# The usual ports; the local stack takes other ones where these are in use.
PORTS: Final[Mapping[str, int]] = {
    "postgres": 5432,
    "mlflow": 5000,
    "airflow": 8080,
    "service": 8000,
    "evidently": 8085,
    "sandbox": 8070,
    "mail": 8025,
}


@dataclass(frozen=True)
class Place:
    """
    Addresses and folders of one installation.

    Parameters
    ----------
    root : Path
        The repository.
    local : Path
        Folder of everything that the processes write; absolute.
    listen : str
        Address that servers bind to.
    hosts : mapping of str to str
        Name by which each server is reached; loopback for those not named.
    ports : mapping of str to int
        Port of each server, keys as in ``PORTS``.
    service_keys : Path or None
        The service's API keys; needed where it listens beyond loopback.
    """

    root: Path
    local: Path
    listen: str
    hosts: Mapping[str, str]
    ports: Mapping[str, int]
    service_keys: Path | None = None

    def host(self, server: str) -> str:
        """Return the name by which ``server`` is reached."""
        return self.hosts.get(server, LOOPBACK)

    def address(self, server: str) -> str:
        """Return ``host:port`` of ``server``."""
        return f"{self.host(server)}:{self.ports[server]}"

    def url(self, server: str) -> str:
        """Return the HTTP root of ``server`` for other processes, without a slash at its end."""
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
        """Where Airflow's SimpleAuthManager reads its logins."""
        return self.airflow_home / "passwords.json"

    @property
    def mail(self) -> Path:
        """Folder of received messages, one .eml file each."""
        return self.local / "mail"

    @property
    def evidently(self) -> Path:
        """Evidently's workspace."""
        return self.local / "evidently"

    @property
    def mlflow_artifacts(self) -> Path:
        """Where the MLflow server keeps the artifacts that it serves."""
        return self.local / "mlflow"


def local_place(local: Path, ports: Mapping[str, int]) -> Place:
    """Return the place of a stack on this machine that keeps its state under ``local``."""
    return Place(
        root=ROOT,
        local=local.resolve(),
        listen=LOOPBACK,
        hosts={},
        ports=ports,
    )


def container_place() -> Place:
    """Return the place of docker-compose.yaml: every server under its container's name."""
    data = Path("/data")
    return Place(
        root=Path("/app"),
        local=data,
        listen="0.0.0.0",  # noqa: S104 - inside a container; compose publishes on loopback only
        hosts={name: name for name in PORTS} | {"airflow": "airflow-api-server"},
        ports=PORTS,
        service_keys=data / "service-api-keys",
    )

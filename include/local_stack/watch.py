"""What ``WATCH=1`` adds to a stack: the exporter, Prometheus and Alertmanager."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from include.local_stack.credentials import Credentials
from include.local_stack.layout import StackLayout
from include.local_stack.private_folders import make_private
from include.local_stack.processes import Process
from include.monitoring.config import ALERTMANAGER, PROMETHEUS, Addresses, write_configuration
from include.settings import Settings

PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),  # Debian's name
}
HOW_TO_GET: Final = (
    "install it with `apt-get install prometheus prometheus-alertmanager` (Debian, Ubuntu; then "
    "stop the services that these packages start), `brew install prometheus alertmanager`, or from "
    "https://prometheus.io/download, so that it is on PATH"
)
RETENTION: Final = "15d"


def find_programs(note: Callable[[str], None] = lambda _: None) -> dict[str, str]:
    """Return each installed program's path; ``note`` is called with how to get the others."""
    found = {}
    for name, names in PROGRAMS.items():
        if path := next(filter(None, map(shutil.which, names)), None):
            found[name] = path
        else:
            note(f"{name} is not installed: {HOW_TO_GET}.")
    return found


def watch_processes(layout: StackLayout, programs: Mapping[str, str]) -> tuple[Process, ...]:
    """
    Return the exporter, and those of Prometheus and Alertmanager that are installed.

    Parameters
    ----------
    layout : StackLayout
        Its ports include `WATCH_PORTS`.
    programs : mapping of str to str
        Path of each installed program.
    """
    folder = layout.local / "monitoring"

    def listen(server: str) -> str:
        return f"--web.listen-address={layout.listen}:{layout.ports[server]}"

    options = {
        "alertmanager": (
            f"--config.file={folder / ALERTMANAGER}",
            f"--storage.path={folder / 'alertmanager'}",
            listen("alertmanager"),
            "--cluster.listen-address=",  # one instance: no gossip, no further port
        ),
        "prometheus": (
            f"--config.file={folder / PROMETHEUS}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            listen("prometheus"),
        ),
    }
    exporter = Process(
        "exporter",
        (
            *("python", "-m", "include.cli", "exporter"),
            *("--host", layout.listen, "--port", str(layout.ports["exporter"])),
        ),
        server="exporter",
        health_path="/metrics",
        needs_schema=True,
    )
    return (
        exporter,
        *(
            Process(
                name, (programs[name], *arguments), server=name, health_path="/-/ready",
                # Prometheus begins when there is something to read, or each start would be an alarm
                depends_on="service" if name == "prometheus" else None,
                stop_timeout_s=15,
            )
            for name, arguments in options.items()
            if name in programs
        ),
    )  # fmt: skip


def watch_environment(credentials: Credentials) -> dict[str, str]:
    """Return what the processes need to know of the watching programs: the webhook's token."""
    given = os.environ.get("ALERT_WEBHOOK_TOKEN", "")
    return {"ALERT_WEBHOOK_TOKEN": given or credentials.alert_webhook_token}


def configure(layout: StackLayout, settings: Settings, token: str) -> Path:
    """Write the configuration of Prometheus and Alertmanager; return its folder."""
    folder = layout.local / "monitoring"
    make_private(folder)
    addresses = Addresses(
        service=layout.address("service"),
        exporter=layout.address("exporter"),
        prometheus=layout.address("prometheus"),
        alertmanager=layout.address("alertmanager"),
        airflow_url=layout.url("airflow"),
        mail_sink=layout.address("mail"),
    )
    with_token = settings.model_copy(update={"alert_webhook_token": SecretStr(token)})
    write_configuration(folder, addresses, with_token)
    return folder

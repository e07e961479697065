"""Status of a stack's processes with addresses and memory, as values and as a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from include.local_stack.layout import StackLayout
from include.local_stack.processes import Process
from include.local_stack.stack import stack_processes
from include.local_stack.state import read_environment, read_state
from include.local_stack.supervisor import Supervisor
from include.monitoring.overview import read_loop_state_of
from include.pages.overview import needs
from include.settings import Settings

_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class ProcessStatus:
    """
    Status of one process.

    Parameters
    ----------
    name, state, description : str
        As the supervisor reports it.
    address : str
        Where it listens, empty if it does not.
    pid : int
        Process id, 0 if it does not run.
    memory_mb : float
        Memory of it and its descendants in MB, each shared page counted once.
    """

    name: str
    state: str
    description: str
    address: str
    pid: int
    memory_mb: float


def stack_status(local: Path) -> list[ProcessStatus]:
    """Return the status of each process of the stack in ``local``; none if it is not running."""
    local = local.resolve()
    state = read_state(local)
    supervisor = Supervisor(local)
    if state is None or not supervisor.answers():
        return []
    layout = state.layout(local)
    states = supervisor.states()
    return [
        ProcessStatus(
            name=process.name,
            state=states[process.name].state,
            description=states[process.name].description,
            address=_address(process, layout),
            pid=states[process.name].pid,
            memory_mb=memory_mb(states[process.name].pid),
        )
        for process in stack_processes(layout, state)
    ]


def memory_mb(pid: int) -> float:
    """Return the memory in MB of a process and its descendants; 0 if it is gone."""
    if pid == 0:
        return 0.0
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_own_memory(process) for process in family) / 1e6


def _own_memory(process: psutil.Process) -> float:
    """Return bytes: the proportional set size if the system has it, else the resident set size."""
    try:
        full = process.memory_full_info()
        return float(getattr(full, "pss", full.rss))
    except psutil.Error:
        return 0.0


def status_table(local: Path) -> Table:
    """Return the table that `make status` shows."""
    table = Table("process", "state", "pid", "memory", "address", box=None, pad_edge=False)
    lines = stack_status(local)
    for line in lines:
        style = "green" if line.state == "RUNNING" else "red"
        table.add_row(
            line.name,
            f"[{style}]{line.state.lower()}[/{style}]",
            str(line.pid or ""),
            f"{line.memory_mb:,.0f} MB",
            line.address or f"[dim]{line.description}[/dim]",
        )
    table.add_row("total", "", "", f"{sum(line.memory_mb for line in lines):,.0f} MB", "")
    return table


def logins(local: Path) -> list[tuple[str, str]]:
    """Return addresses, logins and folders for people: name and value."""
    environment = read_environment(local)
    return [
        ("Overview", f"{environment['AIRFLOW_URL']}/plugin/overview"),
        ("Airflow", environment["AIRFLOW_URL"]),
        ("  login", f"{environment['AIRFLOW_USER']} / {environment['AIRFLOW_PASSWORD']}"),
        ("Suggestions", environment["SERVICE_URL"]),
        ("MLflow", environment["MLFLOW_URL"]),
        ("Drift reports", environment["EVIDENTLY_URL"]),
        *watching_pages(local),
        ("Received mail", str(local / "mail")),
        ("Logs", str(local / "logs")),
        ("Variables", f"source {local / 'env'}"),
    ]


def next_step(local: Path) -> str:
    """
    Return what needs a person first, as *Overview* says it; empty if nothing does.

    Also empty if PostgreSQL does not answer: the table of processes shows that.
    """
    values = {name.lower(): value for name, value in read_environment(local).items()}
    settings = Settings.model_validate(
        {name: value for name, value in values.items() if name in Settings.model_fields}
    )
    try:
        found = needs(read_loop_state_of(settings, timeout_s=_TIMEOUT_S))
    except SQLAlchemyError:
        return ""
    if not found:
        return ""
    first = found[0]
    return f"{first.what} {first.then}" + (f" ({first.dag_id})" if first.dag_id else "")


def watching_pages(local: Path) -> list[tuple[str, str]]:
    """Return the addresses of Prometheus and Alertmanager, where they run."""
    state = read_state(local)
    if state is None:
        return []
    layout = state.layout(local)
    return [(name.capitalize(), layout.public_url(name)) for name in state.programs]


def _address(process: Process, layout: StackLayout) -> str:
    if process.server is None:
        return ""
    address = layout.address(process.server)
    return f"http://{address}" if process.health_path is not None else address


def print_status(local: Path, console: Console) -> None:
    """Print the processes and how to reach them."""
    console.print(status_table(local))
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in logins(local):
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table)
    if step := next_step(local):
        console.print(f"[bold]Next[/bold]  {escape(step)}")

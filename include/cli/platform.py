"""``tagkeeper up``, ``down``, ``status``, ``demo``, and what containers and developers call."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

EXIT_NOT_RUNNING = 3
"""As ``service NAME status`` has it since LSB: the program is not running."""


def up(
    data: Annotated[
        str, typer.Option(help="Serve this .jsonl.gz file as the site.", envvar="DATA")
    ] = "",
    site: Annotated[str, typer.Option(help="The API's name of the site.", envvar="SITE")] = "",
    live: Annotated[bool, typer.Option(help="Use the real API.", envvar="LIVE")] = False,
    watch: Annotated[
        bool,
        typer.Option(
            help="Run the exporter, and Prometheus and Alertmanager if they are installed.",
            envvar="WATCH",
        ),
    ] = False,
    celery_workers: Annotated[
        str,
        typer.Option(
            help="Celery workers that run Airflow's tasks, without a shared disk (Redis must be "
            "installed); without them they are children of the scheduler.",
            metavar="NUMBER",
            envvar="CELERY_WORKERS",
        ),
    ] = "",
) -> None:
    """
    Start the platform without Docker and wait until it is healthy.

    State and logs are under LOCAL_DIR (.local). DATABASE_URL uses your own PostgreSQL server
    instead of the embedded one.
    """
    from include.local_stack import stack
    from include.local_stack.options import StackOptions
    from include.local_stack.progress import Steps
    from include.local_stack.status import print_status
    from include.settings import Settings

    settings, console = Settings.from_env(), Console()
    local = settings.local_dir.resolve()
    given = {
        "DATA": data,
        "SITE": site,
        "LIVE": "1" if live else "",
        "WATCH": "1" if watch else "",
        "CELERY_WORKERS": celery_workers,
    }
    options = StackOptions.from_mapping({**os.environ, **given})
    url = settings.database_url.get_secret_value() if settings.database_url else None
    stack.up(local, options, url, Steps(console))
    print_status(local, console)


def down() -> None:
    """Stop the platform, also processes that lost their supervisor."""
    from include.local_stack import stack
    from include.local_stack.progress import Steps
    from include.settings import Settings

    local, console = Settings.from_env().local_dir.resolve(), Console()
    was_running = stack.is_running(local)
    ended = stack.down(local, Steps(console))
    console.print("Stopped." if was_running or ended else "Nothing was running.")


def status() -> None:
    """Show what runs, where, with how much memory, and the login."""
    from include.local_stack import stack
    from include.local_stack.status import print_status
    from include.settings import Settings

    local, console = Settings.from_env().local_dir.resolve(), Console()
    if not stack.is_running(local):
        console.print("The platform is not running; `make up` starts it.")
        raise typer.Exit(EXIT_NOT_RUNNING)
    print_status(local, console)


def demo() -> None:
    """
    Run the whole story from nothing and verify every step.

    DATA=file.jsonl.gz SITE=name runs it on your own questions. Writes LOCAL_DIR/demo.json and
    leaves the platform running.
    """
    from include.demo.command import run_demo

    raise typer.Exit(run_demo(Console()))


def migrate() -> None:
    """Bring the database of DATABASE_URL to its newest schema; safe to run again."""
    from include.settings import Settings
    from include.store.engine import process_engine
    from include.store.migrations import migrate as apply

    applied = apply(process_engine(Settings.from_env().require_database_url()))
    for name in applied:
        typer.echo(f"applied {name}", err=True)
    typer.echo(f"{len(applied)} migrations applied, the schema is current", err=True)


def docs() -> None:
    """Write the pages of documentation that are generated from the code."""
    from include.docs import write_pages

    for path in write_pages():
        typer.echo(f"wrote {path}")


def env(
    output: Annotated[
        str, typer.Option(help="The file, which must not exist; - prints it instead.")
    ] = ".env",
) -> None:
    """Write .env for docker compose, with random passwords and keys, for this user only."""
    from include.local_stack.env_file import EXAMPLE, filled_example, write_env_file

    if output == "-":
        typer.echo(filled_example(EXAMPLE.read_text(encoding="utf-8")), nl=False)
        return
    write_env_file(Path(output))
    typer.echo(f"wrote {output}: choose the site and the mail server there", err=True)


def healthcheck(
    name: Annotated[str, typer.Argument(help="The process, as docker-compose names it.")],
) -> None:
    """Tell by the exit code whether a process of docker-compose is healthy."""
    from include.errors import FixInputError
    from include.local_stack.celery_workers import container_processes
    from include.local_stack.health import is_healthy
    from include.local_stack.layout import container_layout
    from include.local_stack.processes import processes
    from include.local_stack.watch import watch_processes

    layout = container_layout()
    found = (
        *processes(layout, sandbox_arguments=()),
        *watch_processes(layout, programs={}),
        *container_processes(layout),
    )
    known = {process.name: process for process in found}
    if name not in known:
        raise FixInputError(f"no process is named {name!r}; choose from {', '.join(sorted(known))}")
    raise typer.Exit(0 if is_healthy(known[name], layout) else 1)


def prepare_airflow(
    airflow_home: Annotated[Path, typer.Option(help="Airflow's folder.", show_default=False)],
) -> None:
    """
    Migrate Airflow's database, and make its pools or adapt them to this machine.

    Pools that a user has changed are kept.

    TRAINING_SLOTS, TRAINING_THREADS and TRAINING_MEMORY_MB override what follows from the machine.
    """
    from include.capacity import configured_capacity
    from include.local_stack.airflow_command import run_airflow
    from include.local_stack.pools import update_pools
    from include.settings import Settings

    run_airflow("db", "migrate")
    changed = update_pools(airflow_home, configured_capacity(Settings.from_env()))
    for name, pool in changed.items():
        typer.echo(f"pool {name}: {pool['slots']} slots", err=True)


def provision() -> None:
    """Prepare docker-compose's volumes and databases: folders, logins, schemas, pools."""
    from include.local_stack.layout import container_layout
    from include.local_stack.provision import provision as prepare

    prepare(container_layout(), os.environ)

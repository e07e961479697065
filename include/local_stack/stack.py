"""Start and stop a stack: the whole platform in one folder of this machine."""

import fcntl
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from include.capacity import configured_capacity
from include.errors import FixSettingsError, RetryLaterError
from include.local_stack import celery_workers, orphans, postgres, watch
from include.local_stack.credentials import Credentials, load_credentials, write_private
from include.local_stack.environment import (
    Databases,
    embedded_databases,
    process_environment,
    stack_environment,
)
from include.local_stack.health import log_bytes, tail, wait_until_healthy
from include.local_stack.layout import (
    CELERY_PORTS,
    PORTS,
    WATCH_PORTS,
    StackLayout,
    local_layout,
)
from include.local_stack.machine import patience_s
from include.local_stack.options import StackOptions
from include.local_stack.ports import keep_ports, reserved_ports
from include.local_stack.private_folders import make_private
from include.local_stack.process_time import resident_mb
from include.local_stack.processes import (
    Process,
    postgres_process,
    processes,
    setup_commands,
)
from include.local_stack.progress import Steps
from include.local_stack.provision import make_folders, write_airflow_login
from include.local_stack.state import StackState, read_state, record_state
from include.local_stack.supervisor import Supervisor, log_file, write_configuration
from include.local_stack.waiting import wait_for
from include.settings import Settings

_STOP_S: Final = 40.0


def stack_processes(layout: StackLayout, state: StackState) -> tuple[Process, ...]:
    """Return the processes of a started stack, PostgreSQL first."""
    others = processes(layout, state.options.sandbox_arguments(layout))
    if state.watch:
        others += watch.watch_processes(layout, state.programs)
    if state.celery_workers:
        others += celery_workers.celery_processes(
            layout, state.redis, state.celery_workers, configured_capacity(Settings.from_env())
        )
    if not state.own_postgres:
        return others
    return (postgres_process(postgres.binaries(), postgres.cluster(layout.local), layout), *others)


def is_running(local: Path) -> bool:
    """Return whether the stack's supervisor answers."""
    return Supervisor(local).answers()


def up(local: Path, options: StackOptions, database_url: str | None, steps: Steps) -> StackState:
    """
    Start the stack, or those of its processes that do not run; return when all are healthy.

    Parameters
    ----------
    local : Path
        Folder of its state; made if needed.
    options : StackOptions
        The source of the questions.
    database_url : str or None
        The user's own PostgreSQL, or None for the embedded one.
    steps : Steps
        Shows the progress.

    Raises
    ------
    FixSettingsError
        If it runs already with other options, or a setting is wrong.
    RetryLaterError
        If a process does not start; the message names it and its log.
    """
    local = local.resolve()
    make_private(local)
    with _exclusive(local):
        state = read_state(local)
        if state is not None and is_running(local):
            return _start_missing(local, state, options, steps)
        _terminate_orphans(local, state, steps)
        return _start(local, options, database_url, steps)


def down(local: Path, steps: Steps) -> int:
    """
    Stop the stack and its orphaned processes; return the number of orphaned processes.

    Safe to call again, and after any process of the stack was killed.
    """
    local = local.resolve()
    if not local.exists():
        return 0
    with _exclusive(local):
        state = read_state(local)
        supervisor = Supervisor(local)
        if supervisor.answers():
            with steps.step("Stopping the platform"):
                names = [name for name in supervisor.states() if name != "postgres"]
                supervisor.stop_processes(names, timeout_s=patience_s(_STOP_S))
                supervisor.stop_processes(["postgres"], timeout_s=patience_s(_STOP_S))
                supervisor.shut_down()
        return _terminate_orphans(local, state, steps)


def _start_missing(
    local: Path, state: StackState, options: StackOptions, steps: Steps
) -> StackState:
    """Start the processes of a running stack that do not run."""
    if state.options != options:
        raise FixSettingsError(
            f"the platform runs with other options ({_describe(state.options)}): `make down` first"
        )
    layout = state.layout(local)
    supervisor = Supervisor(local)
    defined = stack_processes(layout, state)
    states = supervisor.states()
    missing = [one.name for one in defined if states[one.name].state not in {"RUNNING", "STARTING"}]
    if not missing:
        steps.note(f"The platform already runs, since {state.started_at}.")
    for process in defined:
        if process.name in missing and process.depends_on is None:
            supervisor.start_process(process.name)
    _start_dependents(supervisor, layout, defined)
    wait_until_healthy(defined, layout, supervisor)
    if missing:
        steps.note(f"Started again: {', '.join(missing)}; the others were running.")
    return state


def _start(
    local: Path, options: StackOptions, database_url: str | None, steps: Steps
) -> StackState:
    credentials = load_credentials(local / "credentials.json")
    preferred = {
        **PORTS,
        **(WATCH_PORTS if options.watch else {}),
        **(CELERY_PORTS if options.celery_workers else {}),
    }
    with reserved_ports(preferred) as ports:
        layout = local_layout(local, ports, options.celery_workers)
        celery_workers.require_addresses(layout, options.celery_workers)
        for name, port in ports.items():
            if port != preferred[name]:
                steps.note(f"Port {preferred[name]} is taken: {name} listens on {port}.")
        databases = (
            embedded_databases(layout, credentials.postgres_password)
            if database_url is None
            else postgres.databases_on_server(database_url)
        )
        state = StackState(
            ports=ports,
            session=None,
            site=options.site,
            data=None if options.data is None else str(options.data),
            live=options.live,
            own_postgres=database_url is None,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            api_url=options.api_url,
            watch=options.watch,
            programs=watch.find_programs(steps.note) if options.watch else {},
            celery_workers=options.celery_workers,
            redis=celery_workers.find_redis() if options.celery_workers else "",
        )
        environment = _write_files(layout, state, databases, credentials)
        supervisor = Supervisor(local)
        state = _start_supervisor(supervisor, layout, state, environment)
        keep_ports(ports.values(), supervisor.pid())
        _start_all(supervisor, layout, state, databases, credentials, environment, steps)
    return state


def _write_files(
    layout: StackLayout, state: StackState, databases: Databases, credentials: Credentials
) -> dict[str, str]:
    """Make folders and files; return the environment of the processes."""
    make_folders(layout)
    write_airflow_login(layout, credentials.airflow_password)
    settings = Settings.from_env()
    capacity = configured_capacity(settings)
    stack = stack_environment(
        layout,
        databases,
        credentials,
        state.options.site_api(layout),
        parallelism=max(_parallelism(), state.celery_workers * settings.celery_concurrency),
        training_threads=str(capacity.threads),
    )
    if state.watch:
        stack |= watch.watch_environment(credentials)
        watch.configure(layout, settings, stack["ALERT_WEBHOOK_TOKEN"])
    if state.celery_workers:
        stack |= celery_workers.celery_environment(
            layout,
            credentials,
            concurrency=str(settings.celery_concurrency),
            heartbeat_timeout_s=str(settings.task_heartbeat_timeout_s),
            visibility_timeout_s=str(celery_workers.visibility_timeout_s()),
        )
        celery_workers.configure_redis(layout, credentials.redis_password)
        celery_workers.make_worker_folders(layout, state.celery_workers)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(stack.items())]
    write_private(layout.local / "env", "".join(lines))
    return process_environment(stack, layout)


def _parallelism() -> int:
    """Return how many tasks may run at once: they wait for others about half of the time."""
    return max(2, min(16, 2 * (os.cpu_count() or 1)))


def _start_supervisor(
    supervisor: Supervisor, layout: StackLayout, state: StackState, environment: Mapping[str, str]
) -> StackState:
    account = postgres.server_account() if state.own_postgres else None
    accounts = {} if account is None else {"postgres": account}
    defined = stack_processes(layout, state)
    # Recorded before and after: if starting fails in between, `down` finds the marker
    record_state(layout.local, state)
    supervisor.start(write_configuration(layout, defined, accounts), environment)
    state = StackState(**{**asdict(state), "session": orphans.session_of(supervisor.pid())})
    record_state(layout.local, state)
    return state


def _start_all(
    supervisor: Supervisor,
    layout: StackLayout,
    state: StackState,
    databases: Databases,
    credentials: Credentials,
    environment: Mapping[str, str],
    steps: Steps,
) -> None:
    defined = stack_processes(layout, state)
    with steps.step("PostgreSQL"):
        if state.own_postgres:
            postgres.initialise(postgres.cluster(layout.local), credentials.postgres_password)
            supervisor.start_process("postgres")
        postgres.wait_until_ready(databases.platform)
        postgres.ensure_databases(databases)
    with steps.step("Databases migrated"):
        for process in defined:
            if not process.needs_schema:
                supervisor.start_process(process.name)
        run_concurrently(setup_commands(layout), environment, layout)
    with steps.step("Processes started and healthy"):
        for process in defined:
            if process.depends_on is None:
                supervisor.start_process(process.name)
        _start_dependents(supervisor, layout, defined)
        wait_until_healthy(defined, layout, supervisor)


def _start_dependents(
    supervisor: Supervisor, layout: StackLayout, defined: Iterable[Process]
) -> None:
    """Start the processes that depend on another one, when that one is healthy."""
    by_name = {process.name: process for process in defined}
    for process in by_name.values():
        if process.depends_on is not None:
            wait_until_healthy([by_name[process.depends_on]], layout, supervisor)
            supervisor.start_process(process.name)


def run_concurrently(
    commands: Mapping[str, tuple[str, ...]], environment: Mapping[str, str], layout: StackLayout
) -> None:
    """
    Run commands in parallel and wait for them; each has its log.

    Raises
    ------
    RetryLaterError
        If one fails; the message names it and its log.
    """
    logs = {name: log_file(layout, f"setup-{name}") for name in commands}
    started = {}
    for name, command in commands.items():
        with logs[name].open("ab") as output:
            started[name] = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=layout.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    try:
        wait_for(
            lambda: all(process.poll() is not None for process in started.values()),
            what=f"setting up {', '.join(started)} has not ended",
            progress=lambda: (
                log_bytes(logs.values()),
                *(int(resident_mb(process.pid)) for process in started.values()),
            ),
            explain=lambda: "\n".join(f"{log} ends:\n{tail(log)}" for log in logs.values()),
            pause_s=0.1,
        )
    except RetryLaterError:
        for process in started.values():
            process.kill()
        raise
    failed = [name for name, process in started.items() if process.returncode != 0]
    if failed:
        ends = "\n".join(f"{logs[name]} ends:\n{tail(logs[name])}" for name in failed)
        raise RetryLaterError(f"setting up {', '.join(failed)} failed; {ends}")


def _terminate_orphans(local: Path, state: StackState | None, steps: Steps) -> int:
    session = None if state is None else state.session
    found = orphans.find_orphans(local, session)
    count = orphans.terminate(found, grace_s=8)
    # Processes that the terminated ones started meanwhile
    count += orphans.terminate(orphans.find_orphans(local, session), grace_s=2)
    if count:
        steps.note(f"Terminated {count} orphaned processes.")
    return count


@contextmanager
def _exclusive(local: Path) -> Iterator[None]:
    """Let only one `up` or `down` of a stack run at a time; a second one waits."""
    with (local / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _describe(options: StackOptions) -> str:
    source = options.api_url if options.live else options.data or "the simulator"
    watched = ", watched" if options.watch else ""
    workers = f", {options.celery_workers} Celery workers" if options.celery_workers else ""
    return f"{options.site}, {source}{watched}{workers}"
